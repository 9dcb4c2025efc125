import itertools
from collections.abc import Sequence

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from tillway.core.assets import BUILT_IN
from tillway.core.contracts.samples import NOW, payment, settled
from tillway.core.errors import Code
from tillway.core.ids import RefundId
from tillway.core.ledger import Account, AccountKind
from tillway.core.money import Money
from tillway.core.paid import SHIPPING, TAX, added_to, paid_in_all, shares
from tillway.core.payments import Payment
from tillway.core.refunds import NEVER, Refund, RefundState, is_paid_back
from tillway.core.services.books.bookkeeping import entries_of, taken_off

USD = BUILT_IN.by_code("USD")
PARTS = st.lists(st.integers(0, 10**12), min_size=1, max_size=3).filter(any)
SOLD = Account(AccountKind.SALES, "stripe")
TAXES = Account(AccountKind.SALES, "stripe:tax")


def by_card(tax: int = 0, shipping: int = 0) -> Payment:
    """Give a payment of 12.50 by card, not settled, with what was added to it."""
    added = {TAX: str(tax), SHIPPING: str(shipping)}
    made = evolve(payment("a"), amount=Money(1_250, USD), rail="stripe", signature="stripe:cs_1")
    return evolve(made, metadata={name: text for name, text in added.items() if text != "0"})


def given_back(cents: int) -> Refund:
    """Give a refund that was paid."""
    return Refund(
        id=RefundId(f"refund_{'1' * 32}"),
        tenant=payment("a").tenant,
        purchase="stripe:cs_1",
        recipient="buyer",
        amount=Money(cents, USD),
        created_at=NOW,
        expires_at=NEVER,
        state=RefundState.PROCESSED,
    )


class TestPaidInAll:
    def test_it_is_the_price_with_what_was_added(self) -> None:
        """Tax and shipping were paid too."""
        assert paid_in_all(settled(by_card(238, 500))) == Money(1_250 + 238 + 500, USD)
        assert added_to(settled(by_card(238))) == {"tax": 238}

    def test_without_them_it_is_the_price(self) -> None:
        """Tax that the price includes is in it already."""
        assert paid_in_all(settled(by_card())) == Money(1_250, USD)

    def test_what_bought_nothing_is_one_sum(self) -> None:
        """Its amount is all that came, tax included."""
        kept = by_card(238).unapplied(NOW, None, Code.AMOUNT_MISMATCH, "another amount")
        assert paid_in_all(kept) == Money(1_250, USD)

    def test_nobody_adds_to_a_payment_from_a_wallet(self) -> None:
        """Whatever is noted with it."""
        noted = evolve(payment("a"), metadata={TAX: "5", SHIPPING: "7"})
        assert paid_in_all(settled(noted)) == noted.amount

    def test_it_is_paid_back_once_tax_is(self) -> None:
        """The price alone is not all."""
        paid = settled(by_card(238))
        assert not is_paid_back(paid, [given_back(1_250)])
        assert is_paid_back(paid, [given_back(1_250), given_back(238)])


class TestShares:
    @given(PARTS, st.data())
    def test_they_come_to_what_is_gone(self, parts: Sequence[int], data: st.DataObject) -> None:
        """To the cent, and none is more than its part or less than nothing."""
        total = data.draw(st.integers(0, sum(parts)))
        found = shares(parts, total)
        assert sum(found) == total
        assert len(found) == len(parts)
        assert all(0 <= share <= part for share, part in zip(found, parts, strict=True))

    @given(PARTS, st.data())
    def test_any_number_of_them_ends_with_empty_parts(
        self, parts: Sequence[int], data: st.DataObject
    ) -> None:
        """However it is cut: no piece takes from a part less than nothing."""
        whole = sum(parts)
        cuts = sorted(data.draw(st.lists(st.integers(0, whole), max_size=30)))
        seen = [shares(parts, total) for total in (0, *cuts, whole)]
        assert seen[0] == tuple(0 for _ in parts)
        assert seen[-1] == tuple(parts)
        for before, after in itertools.pairwise(seen):
            assert all(was <= now for was, now in zip(before, after, strict=True))

    @given(PARTS, st.data())
    def test_they_are_in_proportion(self, parts: Sequence[int], data: st.DataObject) -> None:
        """To less than a cent for what was added in all, and for each of it less than two."""
        total, whole = data.draw(st.integers(0, sum(parts))), sum(parts)
        for share, part in zip(shares(parts, total), parts, strict=True):
            assert abs(share * whole - part * total) < 2 * whole

    @given(PARTS, st.integers(1, 10**12))
    def test_what_is_beyond_all_is_the_prices(self, parts: Sequence[int], more: int) -> None:
        """It was never added to it."""
        first, *rest = shares(parts, sum(parts) + more)
        assert (first, rest) == (parts[0] + more, list(parts[1:]))


class TestTakenOff:
    @given(
        st.integers(0, 10**6),
        st.integers(0, 10**6),
        st.lists(st.integers(1, 10**6), min_size=1, max_size=20),
    )
    def test_what_came_is_gone_once_all_went_back(
        self, tax: int, shipping: int, pieces: list[int]
    ) -> None:
        """Piece by piece; and all of it is there again once each has come back in some order."""
        paid = settled(by_card(tax, shipping))
        whole, gone = paid_in_all(paid).minor, 0
        had = {SOLD: 0} | {
            each.account: each.amount.minor
            for entry in entries_of(paid)
            for each in entry.postings
            if each.account.kind is AccountKind.SALES
        }
        left = dict(had)
        for piece in [*pieces, whole]:
            more = min(piece, whole - gone)
            for each in taken_off(paid, gone, more):
                left[each.account] += each.amount.minor
            assert min(left.values()) >= 0
            gone += more
        assert set(left.values()) == {0}
        for each in taken_off(paid, gone, -gone):
            left[each.account] += each.amount.minor
        assert left == had

    def test_a_third_of_it_is_a_third_of_the_tax(self) -> None:
        """Each in its account."""
        paid = settled(by_card(300))
        found = {each.account: each.amount.minor for each in taken_off(paid, 0, 1_550 // 2)}
        assert found == {SOLD: -625, TAXES: -150}
