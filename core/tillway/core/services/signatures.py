"""What somebody must have signed off the rail before we do it: who, which words, and when.

The message is ``<action>:<subject>``, as clients of the Cedros server sign it, and may end with
a nonce of ours, ``<action>:<subject>:<nonce>``, which makes it good for once.
"""

import base64
import binascii
from collections.abc import Collection, Iterator
from typing import Final

from attrs import define, frozen

from tillway.core.errors import Code, Declined
from tillway.core.ids import NONCE
from tillway.core.payments import Word
from tillway.core.ports.rails import KnowsPayers
from tillway.core.services.nonces import NonceBook
from tillway.core.services.rails import Rails
from tillway.core.tenancy import Tenant

MISSING: Final = "signature required: include X-Signature, X-Message, and X-Signer headers"
NOT_ADMIN: Final = "unauthorized: only payment address can perform this action"
_BYTES: Final = 64


@frozen(kw_only=True)
class Deed:
    """What is to be done. ``subject`` None: the nonce stands in its place, and must be there.

    ``signers`` may do it, None: whoever has signed; ``stranger`` is what all others are told,
    None for the usual words. ``misspoken`` is the code for a message that is another. ``hint``
    tells how to sign it. With ``needs_nonce`` a message without one is refused.
    """

    action: str
    subject: str | None
    signers: Collection[str] | None
    stranger: Declined | None = None
    misspoken: Code = Code.INVALID_SIGNATURE
    hint: str | None = None
    needs_nonce: bool = False

    @property
    def message(self) -> str:
        """Give what has to be signed, at least."""
        return f"{self.action}:{'<nonce>' if self.subject is None else self.subject}"


@frozen(kw_only=True)
class Shown:
    """What was shown for it. ``message`` None: it was not, and has to be the deed's own."""

    signer: str
    signature: str
    message: str | None = None
    nonce: str | None = None


@define(kw_only=True)
class Signatures:
    """Believe signatures: each once, where it has a nonce."""

    rails: Rails
    nonces: NonceBook

    async def verify(self, tenant: Tenant, shown: Shown | None, deed: Deed) -> str:
        """Give the signer's name; the nonce, if there is one, is used up by it.

        Declined in the contract's order: nothing shown, malformed or not signed, not allowed to,
        another message, and last the nonce: nobody else can use one up.
        """
        if shown is None:
            raise _refused(MISSING, deed)
        word = self._signed(shown, deed)
        if deed.signers is not None and word.signer not in deed.signers:
            raise deed.stranger or _refused(NOT_ADMIN, deed)
        nonce = _nonce_of(word.message, deed, shown.nonce)
        if nonce is not None:
            await self.nonces.use(tenant, nonce, deed.action)
        elif deed.needs_nonce:
            raise _refused(f"nonce required: sign {deed.message}:<nonce>", deed)
        return word.signer

    def _signed(self, shown: Shown, deed: Deed) -> Word:
        _refuse_encoding(shown.signature, deed)
        payers = [rail for rail in self.rails.all if isinstance(rail, KnowsPayers)]
        if not any(rail.is_payer(shown.signer) for rail in payers):
            raise _refused("invalid signer address: not an address", deed)
        for message in _messages(shown, deed):
            word = Word(signer=shown.signer, message=message, signature=shown.signature)
            if any(rail.has_signed(word) for rail in payers):
                return word
        raise _refused("signature verification failed", deed)


def _messages(shown: Shown, deed: Deed) -> Iterator[str]:
    if shown.message is not None:
        yield shown.message
        return
    base = deed.action if deed.subject is None else deed.message
    if shown.nonce is not None:
        yield f"{base}:{shown.nonce}"
    yield deed.message


def _nonce_of(message: str, deed: Deed, apart: str | None) -> str | None:
    """Give the nonce in a message, or that was sent apart from it; Declined if it is another.

    One that is not signed makes no signature good for once: anybody can put a fresh one beside it.
    Where a nonce is needed, it does not count.
    """
    base = deed.action if deed.subject is None else deed.message
    if message == base and deed.subject is not None:
        return None if deed.needs_nonce else apart
    said = message.removeprefix(f"{base}:")
    if said == message or NONCE.fullmatch(said) is None or apart not in (None, said):
        raise _misspoken(deed)
    return said


def _misspoken(deed: Deed) -> Declined:
    if deed.misspoken is Code.INVALID_SIGNATURE:
        return _refused(f"invalid message format (expected: {deed.message})", deed)
    return Declined(
        deed.misspoken, "invalid message format", field="X-Message", details=_details(deed)
    )


def _refuse_encoding(signature: str, deed: Deed) -> None:
    try:
        raw = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _refused("invalid signature encoding: not base64", deed) from error
    if len(raw) != _BYTES:
        raise _refused(f"invalid signature encoding: not {_BYTES} bytes", deed)


def _refused(text: str, deed: Deed) -> Declined:
    return Declined(Code.INVALID_SIGNATURE, text, details=_details(deed))


def _details(deed: Deed) -> dict[str, object]:
    return {} if deed.hint is None else {"hint": deed.hint}
