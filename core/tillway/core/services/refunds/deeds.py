"""Who may do what with refunds, and what he signs to do it."""

from attrs import frozen

from tillway.core.errors import Code, Declined
from tillway.core.services.nonces import (
    APPROVE_REFUND,
    DENY_REFUND,
    LIST_REFUNDS,
    REQUEST_REFUND,
)
from tillway.core.services.signatures import Deed, Shown


@frozen(kw_only=True)
class RefundDeeds:
    """Deeds in the contract's words. Without an ``issuer`` no wallet decides anything."""

    issuer: str | None
    needs_nonce: bool = False

    def request(self, purchase: str, recipient: str | None, shown: Shown | None) -> Deed:
        """Ask for a refund: the wallet that it goes to, or the issuer."""
        signer = "" if shown is None else shown.signer
        return Deed(
            action=REQUEST_REFUND,
            subject=purchase,
            signers=[each for each in (recipient, self.issuer) if each],
            stranger=Declined(
                Code.INVALID_SIGNATURE,
                f"unauthorized: wallet {signer[:64]} is not authorized for this request",
                details={"hint": _hint(REQUEST_REFUND, purchase, "your wallet")},
            ),
            hint=_hint(REQUEST_REFUND, purchase, "your wallet"),
            needs_nonce=self.needs_nonce,
        )

    def approve(self, refund: str) -> Deed:
        """Have one be paid out."""
        return self._decide(APPROVE_REFUND, refund)

    def deny(self, refund: str) -> Deed:
        """Have one not be paid out."""
        return self._decide(DENY_REFUND, refund)

    def pending(self) -> Deed:
        """See what waits. Always with a nonce."""
        text = "unauthorized: only payment address can view pending refunds"
        return Deed(
            action=LIST_REFUNDS,
            subject=None,
            signers=self._issuers(),
            stranger=Declined(Code.UNAUTHORIZED_REFUND_ISSUER, text),
            misspoken=Code.INVALID_FIELD,
            hint=_hint(LIST_REFUNDS, "<nonce>", "payTo wallet"),
        )

    def _decide(self, action: str, refund: str) -> Deed:
        return Deed(
            action=action,
            subject=refund,
            signers=self._issuers(),
            needs_nonce=self.needs_nonce,
        )

    def _issuers(self) -> list[str]:
        return [] if self.issuer is None else [self.issuer]


def _hint(action: str, subject: str, wallet: str) -> str:
    return f"sign message '{action}:{subject}' with {wallet}"
