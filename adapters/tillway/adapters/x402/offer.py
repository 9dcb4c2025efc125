"""Write how a quote can be paid, as each version of x402 writes it."""

from collections.abc import Sequence

from attrs import define, field

from tillway.adapters.x402.accounts import token_account
from tillway.adapters.x402.config import RailConfig
from tillway.adapters.x402.destinations import Expected
from tillway.adapters.x402.dialects import v0, v1, v2
from tillway.adapters.x402.owners import Owners
from tillway.adapters.x402.programs import written
from tillway.adapters.x402.requirements import Requirement, Requirements
from tillway.adapters.x402.sponsors import Budget, Sponsors, is_worth_sponsoring
from tillway.core.ports.rails import Offer, Shown
from tillway.core.quotes import Purpose, Quote


@define(kw_only=True)
class Offering:
    """Make offers from a quote and what is known of wallets, budgets and owners by now."""

    config: RailConfig
    sponsors: Sponsors = field(repr=False)
    budget: Budget
    owners: Owners = field(repr=False)
    rail: str
    requirements: Requirements = field(init=False, repr=False)

    @requirements.default
    def _make_requirements(self) -> Requirements:
        return Requirements(config=self.config, payee=self.payee)

    def offer(self, quote: Quote, sealed: str, authenticator: str, shown: Shown) -> Offer:
        """Write every version whose clients can pay; v1 and v2 need a wallet of ours."""
        standing = self.requirements.of(quote, shown)
        wallet = self.sponsor_for(quote)
        sponsor = {} if wallet is None else {"feePayer": written(wallet)}
        extra = {
            **standing.v0_extra,
            "memo": authenticator.join(standing.memo),
            "quote": sealed,
            **(sponsor if self.config.gasless else {}),
        }
        accepts: dict[int, Sequence[Requirement]] = {v0.VERSION: [{**standing.v0, "extra": extra}]}
        if sponsor and standing.v1 is not None and standing.v2 is not None:
            bare = {**sponsor, "memo": authenticator}
            accepts[v1.VERSION] = [{**standing.v1, "extra": bare}]
            accepts[v2.VERSION] = [{**standing.v2, "extra": {**bare, "quote": sealed}}]
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

    def payee(self, expected: Expected) -> bytes | None:
        """Give the wallet that clients can pay; None if there is none, or it is not known yet."""
        # Clients of v1 and v2 pay a wallet's associated account and can pay no other.
        owner = expected.owner or self.owners.of(expected.account)
        if owner is None:
            return None
        token = expected.token
        usual = token_account(owner, token.mint, token.program)
        return owner if usual == expected.account else None
