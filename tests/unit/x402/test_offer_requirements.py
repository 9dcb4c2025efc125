"""What offers have in common is remembered, and never given to another."""

import pytest
from attrs import evolve

from support.solana_fakes import SHOWN, offering_of
from support.transactions import MEMO_TEXT, SEALED, STRANGER, quote_of
from tillway.adapters.x402 import requirements
from tillway.adapters.x402.offer import Offering
from tillway.core.assets import USDT
from tillway.core.errors import Declined
from tillway.core.money import Money
from tillway.core.ports.rails import Shown
from tillway.core.quotes import Purpose, Quote

QUOTE = quote_of()
OTHERS: list[tuple[Quote, Shown]] = [
    (evolve(QUOTE, amount=Money(QUOTE.amount.minor + 1, QUOTE.amount.asset)), SHOWN),
    (evolve(QUOTE, resource="other"), SHOWN),
    (evolve(QUOTE, purpose=Purpose.CART), SHOWN),
    (evolve(QUOTE, purpose=Purpose.REFUND), SHOWN),
    (evolve(QUOTE, pay_to=str(STRANGER.pubkey()), purpose=Purpose.REFUND), SHOWN),
    (evolve(QUOTE, expires_at=QUOTE.expires_at + 1), SHOWN),
    (QUOTE, evolve(SHOWN, url="http://elsewhere.test/paywall/article")),
    (QUOTE, evolve(SHOWN, description="Another article")),
    (QUOTE, evolve(SHOWN, memo_template="shop {{nonce}}")),
    (QUOTE, evolve(SHOWN, extra={"applied_coupons": "A"})),
    (QUOTE, evolve(SHOWN, extra={"applied_coupons": "B"})),
]


def written(offering: Offering, quote: Quote, shown: Shown = SHOWN) -> object:
    """Write an offer that any fresh offering with its wallets at the same turn would write."""
    return offering.offer(quote, SEALED, MEMO_TEXT, shown).accepts


class TestRequirements:
    @pytest.mark.parametrize(("quote", "shown"), OTHERS)
    def test_what_differs_is_written_anew(self, quote: Quote, shown: Shown) -> None:
        """After an offer of something like it, an offer reads as if it were the first."""
        used, fresh = offering_of(), offering_of()
        written(used, QUOTE)
        written(fresh, evolve(QUOTE, resource="whatever"))
        assert written(used, quote, shown) == written(fresh, quote, shown)

    def test_an_asset_that_is_not_taken_is_refused_all_the_same(self) -> None:
        """What is remembered of one asset says nothing of another."""
        offering = offering_of()
        written(offering, QUOTE)
        with pytest.raises(Declined):
            written(offering, evolve(QUOTE, amount=Money(QUOTE.amount.minor, USDT)))

    def test_what_is_added_to_one_offer_is_not_in_the_next(self) -> None:
        """Each offer has objects of its own."""
        offering = offering_of()
        first = offering.offer(QUOTE, SEALED, MEMO_TEXT, SHOWN).accepts
        second = offering.offer(QUOTE, "other", "A" * 24, SHOWN).accepts
        for version in (0, 1, 2):
            (one,), (other,) = first[version], second[version]
            assert one["extra"] != other["extra"]
            assert {**one, "extra": 0} == {**other, "extra": 0}

    def test_strangers_cannot_fill_the_memory(self) -> None:
        """However many hosts we are called by, only so many are remembered."""
        offering = offering_of()
        for number in range(requirements.MOST + 10):
            written(offering, QUOTE, evolve(SHOWN, url=f"http://h{number}.test/paywall/article"))
        assert 0 < len(offering.requirements) <= requirements.MOST
