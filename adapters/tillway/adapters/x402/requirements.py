"""What offers of one thing at one price have in common, written once.

Offers are made by the thousand, and differ in no more than the quote, its authenticator and the
wallet that pays the fee.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from attrs import define, field, frozen

from tillway.adapters.x402 import memo
from tillway.adapters.x402.config import RailConfig
from tillway.adapters.x402.destinations import Expected, expected_of
from tillway.adapters.x402.dialects import exact, v0
from tillway.adapters.x402.programs import written
from tillway.core.ports.rails import Shown
from tillway.core.quotes import Purpose, Quote

Requirement = Mapping[str, object]
Payee = Callable[[Expected], bytes | None]
"""Gives the wallet that v1 and v2 can pay; None if there is none, or it is not known yet."""

MOST: Final = 256
"""Without `server.public_url` addresses are as many as the hosts that we are called by, so that
strangers make some up."""

_MIME_TYPE: Final = "application/json"
_TEXT_OF_RESOURCE: Final = {Purpose.CART: "cart:", Purpose.REFUND: "refund:"}

_Key = tuple[str, str, str, str, int, str, int, str, str, str | None, tuple[tuple[str, str], ...]]


@frozen(kw_only=True)
class Standing:
    """Requirements by version, without what each offer adds to them.

    ``memo`` are the texts between which authenticators stand. ``v1`` and ``v2`` are None where
    their clients could not pay.
    """

    memo: Sequence[str]
    v0: Requirement
    v0_extra: Requirement
    v1: Requirement | None
    v2: Requirement | None


@define(kw_only=True)
class Requirements:
    """Write requirements, or remember them. At most so many are kept."""

    config: RailConfig
    payee: Payee
    _known: dict[_Key, Standing] = field(factory=dict, init=False, repr=False)

    def of(self, quote: Quote, shown: Shown) -> Standing:
        """Give those for a quote, which may be of another one with the same terms.

        Raises Declined as `expected_of` does.
        """
        key = _key(quote, shown)
        return self._known.get(key) or self._new(key, quote, shown)

    def __len__(self) -> int:
        """Tell how many are remembered."""
        return len(self._known)

    def _new(self, key: _Key, quote: Quote, shown: Shown) -> Standing:
        expected = expected_of(quote, self.config)
        payee = self.payee(expected)
        standing = Standing(
            memo=_around(quote, shown, self.config),
            v0=self._v0(quote, expected, shown),
            v0_extra=_v0_extra(expected, shown),
            v1=self._v1(quote, expected, shown, payee) if payee else None,
            v2=self._v2(quote, expected, payee) if payee else None,
        )
        if payee is not None:  # otherwise it may be known soon
            self._remember(key, standing)
        return standing

    def _remember(self, key: _Key, standing: Standing) -> None:
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[key] = standing

    def _v0(self, quote: Quote, expected: Expected, shown: Shown) -> Requirement:
        return {
            "scheme": v0.SCHEME,
            "network": self.config.network.value,
            "maxAmountRequired": str(expected.amount),
            "resource": resource_of(quote),
            "description": shown.description,
            "mimeType": _MIME_TYPE,
            "payTo": quote.pay_to,
            "maxTimeoutSeconds": _lifetime(quote),
            "asset": written(expected.token.mint),
        }

    def _v1(self, quote: Quote, expected: Expected, shown: Shown, payee: bytes) -> Requirement:
        # The oldest v1 client refuses "outputSchema": null, so that it is absent.
        return {
            "scheme": exact.SCHEME,
            "network": self.config.v1_name,
            "maxAmountRequired": str(expected.amount),
            "resource": shown.url,
            "description": shown.description,
            "mimeType": _MIME_TYPE,
            "payTo": written(payee),
            "maxTimeoutSeconds": _lifetime(quote),
            "asset": written(expected.token.mint),
        }

    def _v2(self, quote: Quote, expected: Expected, payee: bytes) -> Requirement:
        # Clients drop members that they do not know: whatever must come back stands in extra.
        return {
            "scheme": exact.SCHEME,
            "network": self.config.caip2,
            "amount": str(expected.amount),
            "asset": written(expected.token.mint),
            "payTo": written(payee),
            "maxTimeoutSeconds": _lifetime(quote),
        }


def _v0_extra(expected: Expected, shown: Shown) -> Requirement:
    return {
        **shown.extra,
        "recipientTokenAccount": written(expected.account),
        "decimals": expected.token.asset.decimals,
        "tokenSymbol": expected.token.asset.code,
    }


def _key(quote: Quote, shown: Shown) -> _Key:
    """Give all that a standing depends on."""
    return (
        str(quote.purpose),
        quote.resource,
        quote.network,
        quote.pay_to,
        quote.amount.minor,
        quote.amount.asset.code,
        _lifetime(quote),
        shown.url,
        shown.description,
        shown.memo_template,
        tuple(shown.extra.items()) if shown.extra else (),
    )


def resource_of(quote: Quote) -> str:
    """Name what is bought as v0 writes it: a product's bare id, or a kind and an id."""
    return _TEXT_OF_RESOURCE.get(quote.purpose, "") + quote.resource


def memo_of(quote: Quote, authenticator: str, shown: Shown, config: RailConfig) -> str:
    """Write a v0 memo. What has no template of its own is led by the configured prefix."""
    return authenticator.join(_around(quote, shown, config))


def _around(quote: Quote, shown: Shown, config: RailConfig) -> tuple[str, ...]:
    template = shown.memo_template
    if template is None and quote.purpose in _TEXT_OF_RESOURCE:
        template = config.memo_prefix + ":" + memo.DEFAULT_TEMPLATE
    return memo.around(template, resource_of(quote))


def _lifetime(quote: Quote) -> int:
    return quote.expires_at - quote.issued_at
