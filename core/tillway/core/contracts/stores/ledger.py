"""The laws of the ledger: entries are written once and whole, and balances are exact."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import pytest
from attrs import evolve

from tillway.core.assets import EUR, USD, USDC, Asset
from tillway.core.contracts.samples import (
    AWKWARD,
    CREDITS,
    ISSUED,
    LARGE,
    NOW,
    OTHER,
    entry,
    hold,
    posting,
)
from tillway.core.contracts.stores.steps import count, read, write
from tillway.core.errors import Code, Declined
from tillway.core.ledger import Account, AccountKind, Balance, Entry, EntryKey, Line, Posting
from tillway.core.money import LEAST, MOST, Money
from tillway.core.ports.store import Posted, PostResult, Repeated, Short, Store
from tillway.core.tenancy import DEFAULT, Tenant

_MOMENT: Final = timedelta(microseconds=1)
_SECOND: Final = Account(AccountKind.CREDITS, "user-2")


async def post(store: Store, one: Entry) -> PostResult:
    """Post in a unit of its own."""
    return await write(store, lambda unit: unit.ledger.post(one))


async def balance(
    store: Store, account: Account = CREDITS, asset: Asset = USDC, tenant: Tenant = DEFAULT
) -> Balance:
    """Give a balance."""
    return await read(store, lambda view: view.ledger.balance(tenant, account, asset))


async def _history(
    store: Store, account: Account = CREDITS, limit: int = 100, before: str | None = None
) -> list[Line]:
    end = None if before is None else entry(before).key
    return list(
        await read(store, lambda view: view.ledger.history(DEFAULT, account, USDC, limit, end))
    )


async def _entry(store: Store, name: str) -> Entry | None:
    return await read(store, lambda view: view.ledger.entry(DEFAULT, entry(name).key))


def _line(one: Entry, place: int = 0) -> Line:
    return Line(entry=one.key, at=one.at, amount=one.postings[place].amount)


def _has(total: int, held: int = 0) -> Balance:
    return Balance(total=total, held=held)


async def _balances(store: Store, limit: int = 100, after: str = "") -> Sequence[tuple[str, Money]]:
    return list(await read(store, lambda view: view.ledger.balances(DEFAULT, limit, after)))


def _whole(edge: int) -> tuple[Posting, ...]:
    # What is below zero reaches one further than what is above.
    half = edge // 2
    return (
        posting(edge),
        posting(-half, ISSUED),
        posting(half - edge, _SECOND),
    )


@pytest.mark.asyncio
class EntryLaws:
    """``Ledger``, but for holds."""

    async def test_an_entry_is_read_as_it_was_written(self, store: Store) -> None:
        """Every field comes back equal, but for what its postings had to leave."""
        odd = Account(AccountKind.CUSTOMER, AWKWARD)
        written = Entry(
            key=EntryKey(AWKWARD),
            tenant=DEFAULT,
            at=NOW,
            postings=(
                posting(5, odd, least=5),
                posting(-5, ISSUED),
                posting(7, odd, asset=USD),
                posting(-7, ISSUED, asset=USD),
                posting(0, CREDITS),
            ),
            about={AWKWARD: AWKWARD, "": ""},
        )
        assert await post(store, written) == Posted()
        kept = evolve(written, postings=(posting(5, odd), *written.postings[1:]))
        async with store.view() as view:
            assert await view.ledger.entry(DEFAULT, written.key) == kept
            lines = await view.ledger.history(DEFAULT, odd, USD, 10, None)
        assert list(lines) == [_line(written, 2)]
        assert await balance(store, odd) == _has(5)

    async def test_an_entry_is_posted_once(self, store: Store) -> None:
        """A repeat of its key gets the first, whatever it says itself, and changes nothing."""
        assert await post(store, entry("a")) == Posted()
        for again in (entry("a"), entry("a", 7), entry("a", -900, least=0), entry("a", asset=USD)):
            assert await post(store, again) == Repeated(entry=entry("a"))
        assert await _entry(store, "a") == entry("a")
        assert await balance(store) == _has(100)
        assert await _history(store) == [_line(entry("a"))]

    async def test_one_unit_posts_one_key_once(self, store: Store) -> None:
        """A unit sees its own entries, and what they have changed."""
        async with store.begin() as unit:
            assert await unit.ledger.post(entry("a")) == Posted()
            assert await unit.ledger.post(entry("a")) == Repeated(entry=entry("a"))
            assert await unit.ledger.post(entry("b", -100, least=0)) == Posted()
            assert await unit.ledger.balance(DEFAULT, CREDITS, USDC) == _has(0)
            lines = await unit.ledger.history(DEFAULT, CREDITS, USDC, 10, None)
            assert list(lines) == [_line(entry("b", -100)), _line(entry("a"))]

    async def test_another_tenants_key_is_another_entry(self, store: Store) -> None:
        """Keys and accounts are a tenant's own."""
        assert await post(store, entry("a")) == Posted()
        assert await post(store, entry("a", 7, OTHER)) == Posted()
        assert await balance(store) == _has(100)
        assert await balance(store, tenant=OTHER) == _has(7)

    async def test_what_was_never_posted_to_has_nothing(self, store: Store) -> None:
        """Absence is nothing, for every account and asset."""
        assert await balance(store) == _has(0)
        await post(store, entry("a"))
        assert await balance(store, asset=EUR) == await balance(store, _SECOND) == _has(0)
        assert await _entry(store, "b") is None
        assert await _history(store, _SECOND) == []

    async def test_postings_change_their_accounts(self, store: Store) -> None:
        """Each by its amount, below zero too where nothing is asked of the account."""
        await post(store, entry("a", 100))
        await post(store, entry("b", -250))
        assert await balance(store) == _has(-150)
        assert await balance(store, ISSUED) == _has(150)

    async def test_an_account_keeps_what_a_posting_must_leave(self, store: Store) -> None:
        """One that would leave less is Short, names the posting, and writes nothing."""
        await post(store, entry("a", 100))
        beyond = entry("b", -101, least=0)
        assert await post(store, beyond) == Short(posting=beyond.postings[0])
        assert await _entry(store, "b") is None
        assert await _history(store) == [_line(entry("a"))]
        assert await balance(store, ISSUED) == _has(-100)
        assert await post(store, entry("b", -100, least=0)) == Posted()
        credit = entry("c", -10, least=-10)
        assert await post(store, credit) == Posted()
        more = entry("d", -1, least=-10)
        assert await post(store, more) == Short(posting=more.postings[0])

    async def test_an_account_nobody_knows_has_nothing_to_leave(self, store: Store) -> None:
        """What it must leave is tested at its first posting too."""
        beyond = entry("a", -1, least=0)
        assert await post(store, beyond) == Short(posting=beyond.postings[0])
        assert await post(store, entry("b", 1, least=2)) == Short(
            posting=entry("b", 1, least=2).postings[0]
        )
        assert await post(store, entry("c", 1, least=1)) == Posted()

    async def test_postings_are_tested_in_their_order(self, store: Store) -> None:
        """Each sees those before it; the first that does not hold is named."""
        first, second = posting(-5, least=0), posting(5, least=0)
        other = posting(0, _SECOND, least=1)
        wrong = evolve(entry("a"), postings=(first, second))
        assert await post(store, wrong) == Short(posting=first)
        right = evolve(entry("a"), postings=(second, first))
        assert await post(store, right) == Posted()
        both = evolve(entry("b"), postings=(second, first, other, posting(0, ISSUED, least=999)))
        assert await post(store, both) == Short(posting=other)
        assert await balance(store) == _has(0)

    async def test_what_is_held_is_not_available(self, store: Store) -> None:
        """A posting must leave it beside what holds keep, if it asks anything of the account."""
        await post(store, entry("a", 100))
        assert await write(store, lambda unit: unit.ledger.hold(hold("a", 60)))
        beyond = entry("b", -41, least=0)
        assert await post(store, beyond) == Short(posting=beyond.postings[0])
        assert await post(store, entry("b", -40, least=0)) == Posted()
        assert await balance(store) == _has(60, 60)
        assert await post(store, entry("c", -10)) == Posted()
        assert await balance(store) == _has(50, 60)
        assert (await balance(store)).available == -10

    async def test_assets_are_accounts_of_their_own(self, store: Store) -> None:
        """What an account has of one asset is nothing of another."""
        await post(store, entry("a", 100))
        await post(store, entry("b", 7, asset=USD))
        beyond = entry("c", -8, least=0, asset=USD)
        assert await post(store, beyond) == Short(posting=beyond.postings[0])
        assert await balance(store) == _has(100)
        assert await balance(store, asset=USD) == _has(7)
        assert await _history(store) == [_line(entry("a"))]

    @pytest.mark.parametrize("minor", [LARGE, -LARGE])
    async def test_a_balance_stays_within_64_bits(self, store: Store, minor: int) -> None:
        """What would leave them is Declined, and nothing of it is written."""
        edge = MOST if minor > 0 else LEAST
        far = Account(AccountKind.WALLET, "far")
        await post(store, evolve(entry("a"), postings=_whole(edge)))
        beyond = evolve(entry("b"), postings=(posting(minor), posting(-minor, far)))
        with pytest.raises(Declined) as refused:
            await post(store, beyond)
        assert refused.value.code is Code.INVALID_AMOUNT
        assert await _entry(store, "b") is None
        assert await balance(store) == _has(edge)
        assert await balance(store, far) == _has(0)
        back = evolve(entry("c"), postings=(posting(-minor), posting(minor, far)))
        assert await post(store, back) == Posted()

    async def test_what_leaves_64_bits_spoils_its_unit(self, store: Store) -> None:
        """Whoever catches the refusal does not commit the rest."""
        far = Account(AccountKind.WALLET, "far")
        moved = evolve(entry("b"), postings=(posting(5, _SECOND), posting(-5, far)))
        await post(store, entry("a", MOST))
        with pytest.raises(Declined):  # noqa: PT012 - what is tested is the leaving
            async with store.begin() as unit:
                assert await unit.ledger.post(moved) == Posted()
                with pytest.raises(Declined):
                    await unit.ledger.post(entry("c", LARGE))
        assert await balance(store, _SECOND) == _has(0)

    async def test_history_is_newest_first(self, store: Store) -> None:
        """By time, then by key, the greater first, then by place, the last first."""
        wanted = [
            entry(name, n + 1, at=NOW + (n // 3) * _MOMENT) for n, name in enumerate("abcdef")
        ]
        twice = evolve(
            entry("g", at=NOW - _MOMENT), postings=(posting(3), posting(-1), posting(-2, ISSUED))
        )
        for one in (wanted[2], wanted[5], wanted[0], twice, wanted[4], wanted[1], wanted[3]):
            await post(store, one)
        expected = [_line(one) for one in reversed(wanted)] + [_line(twice, 1), _line(twice)]
        assert await _history(store) == expected
        assert await _history(store, limit=4) == expected[:4]
        assert await _history(store, limit=0) == []

    async def test_history_goes_on_after_an_entry(self, store: Store) -> None:
        """Whole entries are skipped, and one that is nowhere has nothing after it."""
        for n, name in enumerate("abcd"):
            await post(store, entry(name, n + 1, at=NOW + (n // 2) * _MOMENT))
        twice = evolve(entry("bb", at=NOW), postings=(posting(3), posting(-1), posting(-2, ISSUED)))
        await post(store, twice)
        await post(store, entry("ab", account=_SECOND))
        lines = await _history(store)
        assert await _history(store, before="c") == lines[2:]
        assert await _history(store, before="bb") == lines[4:]
        assert await _history(store, before="bb", limit=1) == lines[4:5]
        assert await _history(store, before="ab") == lines[5:]
        assert await _history(store, before="a") == []
        assert await _history(store, before="unknown") == []

    async def test_keys_are_ordered_by_code_point(self, store: Store) -> None:
        """Histories and names have one order in every store."""
        for name in ("b", "a", "B", "ä", "a-1", "a1", "💳"):
            await post(store, entry(name, 1, account=Account(AccountKind.CREDITS, name)))
            await post(store, entry(f"shared {name}", 1))
        keys = [one.entry for one in await _history(store)]
        assert keys == sorted(keys, reverse=True)
        names = [name for name, _ in await _balances(store)]
        assert names == sorted(names)
        assert len(names) == 9

    async def test_balances_are_listed_by_name(self, store: Store) -> None:
        """Each asset of an account has its own, those of nothing too, within the limit."""
        await post(store, entry("a", 5))
        await post(store, entry("b", -5))
        await post(store, entry("c", 7, asset=USD, account=_SECOND))
        await post(store, entry("d", 9, OTHER))
        expected: list[tuple[str, Money]] = [
            ("credits:user-1:USDC", Money(0, USDC)),
            ("credits:user-2:USD", Money(7, USD)),
            ("issued:gateway:USD", Money(-7, USD)),
            ("issued:gateway:USDC", Money(0, USDC)),
        ]
        assert await _balances(store) == expected
        assert await _balances(store, 2) == expected[:2]
        assert await _balances(store, 2, expected[1][0]) == expected[2:]
        assert await _balances(store, 9, "credits:user-1") == expected
        assert await _balances(store, 9, "j") == []
        assert await _balances(store, 0) == []

    async def test_of_repeats_at_once_one_is_posted(self, store: Store) -> None:
        """Many book the same thing: it is booked once."""
        for n in range(count(2, 50)):
            asked = [entry(str(n), who + 1) for who in range(16)]
            told = await asyncio.gather(*(post(store, each) for each in asked))
            assert told.count(Posted()) == 1
            won = asked[told.index(Posted())]
            assert told.count(Repeated(entry=won)) == 15
            assert await _entry(store, str(n)) == won

    async def test_of_spenders_at_once_none_overdraws(self, store: Store) -> None:
        """32 race for ten shares of one account: ten get one, and nothing is left."""
        for n in range(count(2, 50)):
            account = Account(AccountKind.CREDITS, str(n))
            await post(store, entry(f"{n}", 100, account=account))
            asked = [entry(f"{n}-{who}", -10, least=0, account=account) for who in range(32)]
            told = await asyncio.gather(*(post(store, each) for each in asked))
            assert told.count(Posted()) == 10
            assert await balance(store, account) == _has(0)
            assert len(await _history(store, account)) == 11

    async def test_hot_accounts_stay_exact(self, store: Store) -> None:
        """Transfers between 50 accounts at once: each balance is the sum of its lines."""
        accounts = [Account(AccountKind.CREDITS, f"hot-{n}") for n in range(50)]

        async def transfer(n: int) -> None:
            giver, taker = accounts[n % 50], accounts[n * 7 % 50]
            moved = (posting(-n, giver), posting(n, taker))
            await post(store, evolve(entry(str(n)), postings=moved))

        amount = count(100, 10_000)
        for start in range(0, amount, 100):
            await asyncio.gather(*(transfer(n) for n in range(start, start + 100)))
        totals = []
        for account in accounts:
            lines = await _history(store, account, limit=amount * 2)
            totals.append(sum(line.amount.minor for line in lines))
            assert await balance(store, account) == _has(totals[-1])
        assert sum(totals) == 0
