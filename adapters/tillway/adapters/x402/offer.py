"""Write how a quote can be paid, as each version of x402 writes it."""

from collections.abc import Mapping, Sequence

from attrs import define, field

from tillway.adapters.x402 import memo
from tillway.adapters.x402.accounts import token_account
from tillway.adapters.x402.config import RailConfig
from tillway.adapters.x402.destinations import Expected, expected_of
from tillway.adapters.x402.dialects import exact, v0, v1, v2
from tillway.adapters.x402.owners import Owners
from tillway.adapters.x402.programs import written
from tillway.adapters.x402.sponsors import Budget, Sponsors, is_worth_sponsoring
from tillway.core.ports.rails import Offer, Shown
from tillway.core.quotes import Purpose, Quote

Requirement = Mapping[str, object]

_MIME_TYPE = "application/json"
_TEXT_OF_RESOURCE = {Purpose.CART: "cart:", Purpose.REFUND: "refund:"}


@define(kw_only=True)
class Offering:
    """Make offers from a quote and what is known of wallets, budgets and owners by now."""

    config: RailConfig
    sponsors: Sponsors = field(repr=False)
    budget: Budget
    owners: Owners = field(repr=False)
    rail: str

    def offer(self, quote: Quote, sealed: str, authenticator: str, shown: Shown) -> Offer:
        """Write every version whose clients can pay; v1 and v2 need a wallet of ours."""
        expected = expected_of(quote, self.config)
        sponsor = self.sponsor_for(quote)
        accepts: dict[int, Sequence[Requirement]] = {
            v0.VERSION: [self._v0(quote, sealed, authenticator, shown, expected, sponsor)]
        }
        payee = self._payee(expected)
        if sponsor is not None and payee is not None:
            extra = {"feePayer": written(sponsor), "memo": authenticator}
            accepts[v1.VERSION] = [self._v1(quote, shown, expected, payee, extra)]
            accepts[v2.VERSION] = [self._v2(quote, expected, payee, {**extra, "quote": sealed})]
        return Offer(rail=self.rail, quote=quote, accepts=accepts)

    def sponsor_for(self, quote: Quote) -> bytes | None:
        """Give the wallet that would pay this quote's fee; None if none may.

        None for refunds, for what costs less than its fee is worth, when no wallet is healthy,
        and once the hour's budget of all that are is spent.
        """
        if quote.purpose is Purpose.REFUND:
            return None
        if not is_worth_sponsoring(quote.amount, self.config.sponsoring):
            return None
        for _ in self.sponsors.addresses:
            wallet = self.sponsors.next()
            if wallet is not None and self.budget.allows(quote.tenant, wallet):
                return wallet
        return None

    def _payee(self, expected: Expected) -> bytes | None:
        # Clients of v1 and v2 pay a wallet's associated account and can pay no other.
        owner = expected.owner or self.owners.of(expected.account)
        if owner is None:
            return None
        token = expected.token
        usual = token_account(owner, token.mint, token.program)
        return owner if usual == expected.account else None

    def _v0(
        self,
        quote: Quote,
        sealed: str,
        authenticator: str,
        shown: Shown,
        expected: Expected,
        sponsor: bytes | None,
    ) -> Requirement:
        extra: dict[str, object] = {
            **shown.extra,
            "recipientTokenAccount": written(expected.account),
            "decimals": expected.token.asset.decimals,
            "tokenSymbol": expected.token.asset.code,
            "memo": memo_of(quote, authenticator, shown, self.config),
            "quote": sealed,
        }
        if sponsor is not None and self.config.gasless:
            extra["feePayer"] = written(sponsor)
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
            "extra": extra,
        }

    def _v1(
        self,
        quote: Quote,
        shown: Shown,
        expected: Expected,
        payee: bytes,
        extra: Mapping[str, object],
    ) -> Requirement:
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
            "extra": extra,
        }

    def _v2(
        self, quote: Quote, expected: Expected, payee: bytes, extra: Mapping[str, object]
    ) -> Requirement:
        # Clients drop members that they do not know: whatever must come back stands in extra.
        return {
            "scheme": exact.SCHEME,
            "network": self.config.caip2,
            "amount": str(expected.amount),
            "asset": written(expected.token.mint),
            "payTo": written(payee),
            "maxTimeoutSeconds": _lifetime(quote),
            "extra": extra,
        }


def resource_of(quote: Quote) -> str:
    """Name what is bought as v0 writes it: a product's bare id, or a kind and an id."""
    return _TEXT_OF_RESOURCE.get(quote.purpose, "") + quote.resource


def memo_of(quote: Quote, authenticator: str, shown: Shown, config: RailConfig) -> str:
    """Write a v0 memo. What has no template of its own is led by the configured prefix."""
    template = shown.memo_template
    if template is None and quote.purpose in _TEXT_OF_RESOURCE:
        template = config.memo_prefix + ":" + memo.DEFAULT_TEMPLATE
    return memo.fill(template, resource_of(quote), authenticator)


def _lifetime(quote: Quote) -> int:
    return quote.expires_at - quote.issued_at
