"""The laws of holds: what is kept for one purpose is spent once, or given back once."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import pytest
from attrs import evolve

from tillway.core.assets import USD
from tillway.core.contracts.samples import (
    AWKWARD,
    CHAIN,
    ISSUED,
    LARGE,
    NOW,
    OTHER,
    TERM,
    entry,
    failed,
    hold,
    key_of,
    payment,
    posting,
    settled,
)
from tillway.core.contracts.stores.ledger import balance, post
from tillway.core.contracts.stores.steps import claim, count, fail, read, release, settle, write
from tillway.core.errors import Code, Declined
from tillway.core.ledger import (
    Account,
    AccountKind,
    Balance,
    Entry,
    Hold,
    HoldId,
    HoldState,
)
from tillway.core.money import MOST, Money
from tillway.core.ports.store import Posted, PostResult, Repeated, Short, Store
from tillway.core.tenancy import DEFAULT

_MOMENT: Final = timedelta(microseconds=1)
_LATE: Final = NOW + TERM + _MOMENT
_SECOND: Final = Account(AccountKind.CREDITS, "user-2")


async def _hold(store: Store, one: Hold) -> bool:
    return await write(store, lambda unit: unit.ledger.hold(one))


async def _held(store: Store, name: str) -> Hold | None:
    return await read(store, lambda view: view.ledger.held(DEFAULT, HoldId(f"hold-{name}")))


async def _capture(store: Store, name: str, by: Entry) -> PostResult | None:
    held = HoldId(f"hold-{name}")
    return await write(store, lambda unit: unit.ledger.capture(DEFAULT, held, by))


async def _let_go(store: Store, name: str, at: datetime = NOW) -> bool:
    held = HoldId(f"hold-{name}")
    return await write(store, lambda unit: unit.ledger.let_go(DEFAULT, held, at))


async def _expire(store: Store, now: datetime, limit: int = 10) -> Sequence[Hold]:
    return list(await write(store, lambda unit: unit.ledger.expire(now, limit)))


def _has(total: int, held: int = 0) -> Balance:
    return Balance(total=total, held=held)


async def _kept(store: Store) -> None:
    """Have a hundred, and sixty of them held."""
    await post(store, entry("a", 100))
    assert await _hold(store, hold("a", 60))


@pytest.mark.asyncio
class HoldLaws:
    """``Ledger.hold``, ``held``, ``capture``, ``let_go`` and ``expire``."""

    async def test_a_hold_is_read_as_it_was_made(self, store: Store) -> None:
        """Every field comes back equal, and the amount is kept."""
        account = Account(AccountKind.CREDITS, AWKWARD)
        await post(store, entry("a", 100, account=account))
        made = hold("a", 60, account=account, claim=(CHAIN, key_of("a")))
        assert await _hold(store, made)
        assert await _held(store, "a") == made
        assert await _held(store, "b") is None
        assert await balance(store, account) == _has(100, 60)

    async def test_no_more_is_kept_than_is_available(self, store: Store) -> None:
        """A hold that does not fit is not kept, and its id is free."""
        await post(store, entry("a", 100))
        assert await _hold(store, hold("a", 60))
        assert not await _hold(store, hold("b", 41))
        assert await _held(store, "b") is None
        assert await _hold(store, hold("b", 40))
        assert not await _hold(store, hold("c", 1))
        assert await balance(store) == _has(100, 100)

    async def test_nothing_is_kept_where_nothing_is(self, store: Store) -> None:
        """Not in an account that nobody knows, of another asset, or in debt."""
        assert not await _hold(store, hold("a"))
        await post(store, entry("a", 100))
        assert not await _hold(store, evolve(hold("a"), amount=Money(1, USD)))
        assert not await _hold(store, hold("a", account=ISSUED))
        assert await balance(store) == _has(100)

    async def test_a_repeat_keeps_nothing_more(self, store: Store) -> None:
        """It tells whether the first is open, whatever it asks for itself."""
        await post(store, entry("a", 100))
        await _hold(store, hold("a", 60))
        for again in (hold("a", 60), hold("a", 1_000), hold("a", account=_SECOND)):
            assert await _hold(store, again)
        assert await _held(store, "a") == hold("a", 60)
        assert await balance(store) == _has(100, 60)
        await _let_go(store, "a")
        assert not await _hold(store, hold("a", 60))
        assert await balance(store) == _has(100)

    async def test_odd_holds_are_refused(self, store: Store) -> None:
        """Nothing at all, less than that, and what has ended."""
        await post(store, entry("a", 100))
        ended = hold("a").ended(HoldState.RELEASED, NOW)
        for odd in (hold("a", 0), hold("a", -1), ended):
            with pytest.raises(ValueError, match="hold"):
                await _hold(store, odd)
        assert await _held(store, "a") is None

    async def test_a_hold_is_captured_whole(self, store: Store) -> None:
        """Its amount leaves the account by the entry, which may ask for what is left."""
        await _kept(store)
        spent = entry("spent", -60, least=40)
        assert await _capture(store, "a", spent) == Posted()
        assert await _held(store, "a") == hold("a", 60).ended(HoldState.CAPTURED, NOW, 60)
        assert await balance(store) == _has(40)
        async with store.view() as view:
            assert await view.ledger.entry(DEFAULT, spent.key) == entry("spent", -60)

    async def test_a_hold_is_captured_in_part(self, store: Store) -> None:
        """What is not taken is available again."""
        await _kept(store)
        assert await _capture(store, "a", entry("spent", -25)) == Posted()
        assert await _held(store, "a") == hold("a", 60).ended(HoldState.CAPTURED, NOW, 25)
        assert await balance(store) == _has(75)
        assert await _hold(store, hold("b", 75))

    async def test_what_several_postings_take_is_summed(self, store: Store) -> None:
        """Of the hold's account and asset alone."""
        await _kept(store)
        spent = evolve(
            entry("spent"),
            postings=(
                posting(-30),
                posting(-20, least=50),
                posting(50, ISSUED),
                posting(-70, asset=USD),
                posting(70, ISSUED, asset=USD),
            ),
        )
        assert await _capture(store, "a", spent) == Posted()
        held = await _held(store, "a")
        assert held is not None
        assert held.captured == 50
        assert await balance(store) == _has(50)

    async def test_a_repeated_capture_finds_the_first(self, store: Store) -> None:
        """Whatever it says itself; it takes nothing more."""
        await _kept(store)
        await _capture(store, "a", entry("spent", -25))
        for again in (entry("spent", -25), entry("spent", -60), entry("spent", 1_000)):
            assert await _capture(store, "a", again) == Repeated(entry=entry("spent", -25))
        assert await balance(store) == _has(75)

    async def test_an_entry_that_is_there_captures_nothing(self, store: Store) -> None:
        """Posted by somebody else, it is Repeated, and the hold stays open."""
        await _kept(store)
        await post(store, entry("spent", -25))
        assert await _capture(store, "a", entry("spent", -25)) == Repeated(
            entry=entry("spent", -25)
        )
        assert await _held(store, "a") == hold("a", 60)
        assert await balance(store) == _has(75, 60)

    async def test_what_has_ended_is_not_captured(self, store: Store) -> None:
        """Nor released, nor expired: a hold ends once, however."""
        for name in ("captured", "released", "expired"):
            await post(store, entry(name, 60))
            await _hold(store, hold(name, 60))
        await _capture(store, "captured", entry("spent", -1))
        assert await _let_go(store, "released")
        assert len(await _expire(store, _LATE)) == 1
        for name in ("captured", "released", "expired"):
            before = await _held(store, name)
            assert before is not None
            assert before.state == name
            assert await _capture(store, name, entry(f"more {name}", -1)) is None
            assert not await _let_go(store, name)
            assert await _held(store, name) == before
        assert await _expire(store, _LATE) == []
        assert await balance(store) == _has(179)

    async def test_what_is_not_there_does_not_end(self, store: Store) -> None:
        """None, and False."""
        await post(store, entry("a"))
        assert await _capture(store, "a", entry("spent", -1)) is None
        assert not await _let_go(store, "a")
        assert await balance(store) == _has(100)

    async def test_a_capture_takes_from_its_hold(self, store: Store) -> None:
        """More than was kept, nothing, something in, or another's entry is refused."""
        await _kept(store)
        for odd in (
            entry("spent", -61),
            entry("spent", 0),
            entry("spent", 5),
            entry("spent", -5, account=_SECOND),
            entry("spent", -5, asset=USD),
            entry("spent", -5, OTHER),
        ):
            with pytest.raises(ValueError, match=r"capture|tenant"):
                await _capture(store, "a", odd)
        assert await _held(store, "a") == hold("a", 60)
        assert await balance(store) == _has(100, 60)

    async def test_a_capture_that_is_short_leaves_the_hold(self, store: Store) -> None:
        """Nothing is written, and the amount is kept on."""
        await _kept(store)
        beyond = entry("spent", -60, least=41)
        async with store.begin() as unit:
            short = await unit.ledger.capture(DEFAULT, hold("a").id, beyond)
            assert short == Short(posting=beyond.postings[0])
        assert await _held(store, "a") == hold("a", 60)
        assert await balance(store) == _has(100, 60)
        assert await _capture(store, "a", entry("spent", -60, least=40)) == Posted()

    async def test_a_capture_that_leaves_64_bits_leaves_the_hold(self, store: Store) -> None:
        """It is declined, and the hold is as it was."""
        await post(store, entry("a", 2 * LARGE))
        assert await _hold(store, hold("a", LARGE))
        far = Account(AccountKind.WALLET, "far")
        much = evolve(entry("much"), postings=(posting(MOST, _SECOND), posting(-MOST, far)))
        await post(store, much)
        spent = evolve(entry("spent"), postings=(posting(-LARGE), posting(LARGE, _SECOND)))
        with pytest.raises(Declined) as refused:
            await _capture(store, "a", spent)
        assert refused.value.code is Code.INVALID_AMOUNT
        assert await _held(store, "a") == hold("a", LARGE)
        assert await balance(store) == _has(2 * LARGE, LARGE)

    async def test_a_released_hold_gives_its_amount_back(self, store: Store) -> None:
        """Once; the time of it is kept."""
        await _kept(store)
        assert await _let_go(store, "a", _LATE)
        assert not await _let_go(store, "a", _LATE + TERM)
        assert await _held(store, "a") == hold("a", 60).ended(HoldState.RELEASED, _LATE)
        assert await balance(store) == _has(100)

    async def test_a_hold_expires_after_its_time(self, store: Store) -> None:
        """Of all tenants, and what it kept is available again."""
        await _kept(store)
        await post(store, entry("a", 100, OTHER))
        theirs = hold("a", 5, OTHER, expires_at=NOW)
        await _hold(store, theirs)
        assert await _expire(store, NOW) == []
        assert await _expire(store, NOW + TERM) == [theirs.ended(HoldState.EXPIRED, NOW + TERM)]
        ended = hold("a", 60).ended(HoldState.EXPIRED, _LATE)
        assert await _expire(store, _LATE) == [ended]
        assert await _held(store, "a") == ended
        assert await balance(store) == await balance(store, tenant=OTHER) == _has(100)

    async def test_as_many_holds_expire_as_the_limit_says(self, store: Store) -> None:
        """The longest due first; a repeat ends what is left."""
        await post(store, entry("a", 100))
        for n in (2, 0, 1):
            await _hold(store, hold(str(n), expires_at=NOW + n * _MOMENT))
        assert await _expire(store, _LATE, 0) == []
        assert [one.id for one in await _expire(store, _LATE, 2)] == ["hold-0", "hold-1"]
        assert [one.id for one in await _expire(store, _LATE, 2)] == ["hold-2"]

    async def test_a_hold_stays_while_its_claim_lives(self, store: Store) -> None:
        """Unresolved claims live too; once it has ended, or was never made, the hold expires."""
        await post(store, entry("a", 100))
        for name in ("settled", "failed", "unresolved", "unknown"):
            await _hold(store, hold(name, claim=(CHAIN, key_of(name))))
            if name != "unknown":
                await claim(store, payment(name))
        await release(store, payment("unresolved"), NOW)
        assert [one.id for one in await _expire(store, _LATE)] == ["hold-unknown"]
        await settle(store, settled(payment("settled")))
        await fail(store, failed(payment("failed")))
        assert [one.id for one in await _expire(store, _LATE)] == ["hold-failed", "hold-settled"]
        assert await balance(store) == _has(100, 10)

    async def test_a_hold_that_stays_keeps_no_other_from_its_end(self, store: Store) -> None:
        """Those behind it expire, however small the limit is."""
        await post(store, entry("a", 100))
        await claim(store, payment("lives"))
        for n in range(5):
            held = hold(str(n), expires_at=NOW + n * _MOMENT)
            bound = (CHAIN, key_of("lives")) if n < 3 else None
            await _hold(store, evolve(held, claim=bound))
        assert [one.id for one in await _expire(store, _LATE, 1)] == ["hold-3"]
        assert [one.id for one in await _expire(store, _LATE, 1)] == ["hold-4"]
        assert await _expire(store, _LATE, 1) == []

    async def test_of_holds_at_once_no_more_than_fit_are_kept(self, store: Store) -> None:
        """32 race for ten shares: ten are kept."""
        for n in range(count(2, 50)):
            account = Account(AccountKind.CREDITS, str(n))
            await post(store, entry(str(n), 100, account=account))
            asked = [hold(f"{n}-{who}", 10, account=account) for who in range(32)]
            told = await asyncio.gather(*(_hold(store, each) for each in asked))
            assert told.count(True) == 10
            assert await balance(store, account) == _has(100, 100)

    async def test_of_repeats_at_once_one_is_kept(self, store: Store) -> None:
        """The same hold asked for many times keeps its amount once."""
        await post(store, entry("a", 100))
        assert await asyncio.gather(*(_hold(store, hold("a", 60)) for _ in range(16))) == (
            [True] * 16
        )
        assert await balance(store) == _has(100, 60)

    async def test_a_hold_ends_once_whatever_races(self, store: Store) -> None:
        """Capture, release and expiry at once: one of them ends it, and the balance says so."""
        for n in range(count(4, 200)):
            name, account = str(n), Account(AccountKind.CREDITS, str(n))
            await post(store, entry(name, 60, account=account))
            await _hold(store, hold(name, 60, account=account))
            spent = entry(f"spent {n}", -60, least=0, account=account)
            captured, released, expired = await asyncio.gather(
                _capture(store, name, spent), _let_go(store, name), _expire(store, _LATE)
            )
            assert [captured == Posted(), released, bool(expired)].count(True) == 1
            left = 0 if captured == Posted() else 60
            assert await balance(store, account) == _has(left)

    async def test_of_captures_at_once_one_is_posted(self, store: Store) -> None:
        """Two entries race for one hold: it pays for one."""
        await _kept(store)
        asked = [entry(f"spent {n}", -60) for n in range(16)]
        told = await asyncio.gather(*(_capture(store, "a", each) for each in asked))
        assert told.count(Posted()) == 1
        assert told.count(None) == 15
        assert await balance(store) == _has(40)
