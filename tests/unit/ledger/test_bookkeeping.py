from attrs import evolve

from tillway.core.assets import USDC
from tillway.core.contracts.samples import LEASE, NOW, failed, payment, settled
from tillway.core.errors import Code
from tillway.core.ledger import Account, AccountKind, sums
from tillway.core.money import Money
from tillway.core.payments import Failed, Payment
from tillway.core.services.books.bookkeeping import entries_of

_GONE = Failed(code=Code.TRANSACTION_EXPIRED, reason="a fork")


def _booked(ended: Payment) -> dict[Account, int]:
    (entry,) = entries_of(ended)
    assert not any(sums(entry.postings).values())
    return {posting.account: posting.amount.minor for posting in entry.postings}


def _unapplied() -> Payment:
    return payment("a").unapplied(NOW + LEASE, 7, Code.QUOTE_EXPIRED, "quote spent")


class TestEntries:
    def test_a_settled_payment_is_earned(self) -> None:
        """Its money lies in the wallet that was paid."""
        assert _booked(settled(payment("a"))) == {
            Account(AccountKind.WALLET, "shop-wallet"): -50_000,
            Account(AccountKind.SALES, "x402"): 50_000,
        }

    def test_an_unapplied_payment_is_owed_to_its_payer(self) -> None:
        """What buys nothing is the payer's still."""
        assert _booked(_unapplied()) == {
            Account(AccountKind.WALLET, "shop-wallet"): -50_000,
            Account(AccountKind.CUSTOMER, "payer-wallet"): 50_000,
        }

    def test_a_reversal_books_the_opposite(self) -> None:
        """Whatever was booked is nothing afterwards, earned or owed."""
        for ended in (settled(payment("a")), _unapplied()):
            gone = _booked(ended.reversed(NOW + LEASE, _GONE))
            assert gone == {account: -minor for account, minor in _booked(ended).items()}

    def test_each_turn_has_keys_of_its_own(self) -> None:
        """A payment that arrives again is booked again."""
        first = settled(payment("a"))
        gone = first.reversed(NOW + LEASE, _GONE)
        again = gone.settled(NOW + 2 * LEASE, 9, {"success": True})
        keys = [entry.key for one in (first, gone, again) for entry in entries_of(one)]
        assert len(set(keys)) == 3
        assert [entry.key for entry in entries_of(first)] == keys[:1]

    def test_nothing_is_booked_for_nothing(self) -> None:
        """A price of zero moves no money, and a failed payment moved none."""
        assert entries_of(settled(evolve(payment("a"), amount=Money(0, USDC)))) == ()
        assert entries_of(failed(payment("a"))) == ()
        assert entries_of(payment("a")) == ()
