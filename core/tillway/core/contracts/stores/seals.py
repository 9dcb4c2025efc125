"""The laws of the sealed log: every fact has one place, and no reader misses one."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import pytest
from attrs import evolve

from tillway.core.contracts.samples import (
    AWKWARD,
    LEASE,
    NOW,
    OTHER,
    entry,
    event,
    link,
    payment,
    settled,
)
from tillway.core.contracts.stores.ledger import post
from tillway.core.contracts.stores.steps import claim, count, read, write
from tillway.core.events import LEDGER_ENTRY, Event
from tillway.core.ids import EventId
from tillway.core.ports.store import Link, Sealed, Store, View
from tillway.core.tenancy import DEFAULT, Tenant

_MOMENT: Final = timedelta(microseconds=1)


async def _append(store: Store, *facts: Event) -> None:
    async with store.begin() as unit:
        for one in facts:
            await unit.events.append(one)


async def _unsealed(store: Store, limit: int = 100) -> list[Event]:
    return list(await read(store, lambda view: view.events.unsealed(limit)))


async def _seal(store: Store, *links: Link) -> bool:
    return await write(store, lambda unit: unit.events.seal(links))


async def _after(
    store: Store, position: int = 0, limit: int = 1_000, tenant: Tenant | None = None
) -> list[Sealed]:
    return list(await read(store, lambda view: view.events.after(position, limit, tenant)))


async def _ends(store: Store) -> tuple[Link | None, Link | None, Link | None]:
    """Give the log's last link, and the last of each tenant."""
    async with store.view() as view:
        of = view.events
        return await of.last(), await of.head(DEFAULT), await of.head(OTHER)


async def next_links(view: View, limit: int) -> Sequence[Link]:
    """Give the places that come next, as a sequencer would."""
    last = await view.events.last()
    position = 0 if last is None else last.position
    numbers: defaultdict[Tenant, int] = defaultdict(int)
    links = []
    for place, fact in enumerate(await view.events.unsealed(limit), start=1):
        if fact.tenant not in numbers:
            head = await view.events.head(fact.tenant)
            numbers[fact.tenant] = 0 if head is None else head.number
        numbers[fact.tenant] += 1
        links.append(link(fact, position + place, numbers[fact.tenant]))
    return links


async def seal_all(store: Store, limit: int = 10) -> None:
    """Give every fact a place."""
    while True:
        async with store.begin() as unit:
            links = await next_links(unit, limit)
            assert await unit.events.seal(links)
        if len(links) < limit:
            return


@pytest.mark.asyncio
class SealLaws:
    """``Events.unsealed``, ``seal``, ``last``, ``head`` and ``after``."""

    async def test_facts_wait_for_their_place(self, store: Store) -> None:
        """Of all tenants, oldest first, of one time by tenant and id, within the limit."""
        facts = [
            event("a", OTHER, NOW - _MOMENT),
            *sorted((event(name) for name in "bcd"), key=lambda one: one.id),
            *sorted((event(name, OTHER) for name in "bc"), key=lambda one: one.id),
            event("e", at=NOW + _MOMENT),
        ]
        for place in (3, 0, 6, 4, 1, 5, 2):
            await _append(store, facts[place])
        assert await _unsealed(store) == facts
        assert await _unsealed(store, 3) == facts[:3]
        assert await _unsealed(store, 0) == []

    async def test_a_repeated_fact_waits_once(self, store: Store) -> None:
        """And not again once it has its place."""
        await _append(store, event("a"), event("a"))
        assert await _unsealed(store) == [event("a")]
        assert await _seal(store, link(event("a"), 1))
        await _append(store, evolve(event("a"), at=NOW + LEASE))
        assert await _unsealed(store) == []
        assert await _after(store) == [Sealed(link=link(event("a"), 1), event=event("a"))]

    async def test_facts_get_their_places(self, store: Store) -> None:
        """Positions over all tenants, numbers for each; they wait no more."""
        facts = [event("a"), event("b", OTHER), event("c"), event("d", OTHER)]
        links = [
            link(facts[0], 1, 1),
            link(facts[1], 2, 1),
            link(facts[2], 3, 2),
            link(facts[3], 4, 2),
        ]
        await _append(store, *facts)
        assert await _ends(store) == (None, None, None)
        assert await _seal(store, *links[:2])
        assert await _ends(store) == (links[1], links[0], links[1])
        assert await _seal(store, links[2])
        assert await _ends(store) == (links[2], links[2], links[1])
        assert await _unsealed(store) == [facts[3]]
        assert await _seal(store, links[3])
        assert await _ends(store) == (links[3], links[2], links[3])
        wanted = [Sealed(link=one, event=fact) for one, fact in zip(links, facts, strict=True)]
        assert await _after(store) == wanted

    async def test_a_fact_may_be_given_any_place_that_is_next(self, store: Store) -> None:
        """The order is the sequencer's: time decides nothing."""
        await _append(store, event("early", at=NOW - LEASE), event("late"))
        assert await _seal(store, link(event("late"), 1), link(event("early"), 2))
        assert [one.event for one in await _after(store)] == [
            event("late"),
            event("early", at=NOW - LEASE),
        ]

    async def test_nothing_at_all_is_sealed(self, store: Store) -> None:
        """No links are no mistake."""
        assert await _seal(store)
        assert await read(store, lambda view: view.events.last()) is None

    async def test_places_are_given_all_or_none(self, store: Store) -> None:
        """A place that is taken, not the next, or for a wrong fact spoils them all."""
        await _append(store, event("a"), event("b"), event("c"), event("d", OTHER))
        assert await _seal(store, link(event("a"), 1))
        good, theirs = link(event("b"), 2), link(event("d", OTHER), 3, 1)
        wrong = {
            "a position that is taken": [link(event("b"), 1, 2)],
            "a gap in the positions": [good, link(event("c"), 4, 3)],
            "a gap before the first": [link(event("b"), 3, 2)],
            "a number that is taken": [link(event("b"), 2, 1)],
            "a gap in the numbers": [link(event("b"), 2, 3)],
            "another tenant's number": [good, link(event("d", OTHER), 3, 3)],
            "a number from nothing": [good, link(event("d", OTHER), 3, 0)],
            "one position twice": [good, link(event("c"), 2, 3)],
            "a fact that has its place": [good, link(event("a"), 3, 3)],
            "one fact twice": [good, link(event("b"), 3, 3)],
            "a fact that is nowhere": [good, link(event("unknown"), 3, 3)],
            "another tenant's fact": [good, link(event("c", OTHER), 3, 1)],
            "the wrong order": [link(event("c"), 3, 3), good],
        }
        for reason, links in wrong.items():
            assert not await _seal(store, *links), reason
            assert not await _seal(store, *links, theirs), reason
            assert await read(store, lambda view: view.events.last()) == link(event("a"), 1)
            assert len(await _unsealed(store)) == 3, reason
        assert await _seal(store, good, theirs)

    async def test_a_refused_seal_leaves_the_unit_as_it_was(self, store: Store) -> None:
        """What else the unit writes is written."""
        async with store.begin() as unit:
            await unit.events.append(event("a"))
            assert not await unit.events.seal([link(event("a"), 2)])
            assert await unit.events.seal([link(event("a"), 1)])
        assert len(await _after(store)) == 1

    async def test_a_repeated_seal_is_false(self, store: Store) -> None:
        """Whoever did it was first."""
        await _append(store, event("a"), event("b"))
        links = [link(event("a"), 1), link(event("b"), 2)]
        assert await _seal(store, *links)
        assert not await _seal(store, *links)
        assert not await _seal(store, links[1])
        assert len(await _after(store)) == 2

    async def test_readers_go_on_from_a_position(self, store: Store) -> None:
        """Ascending, beyond it, within the limit, of all tenants or of one."""
        for n in range(6):
            await _append(store, event(str(n), OTHER if n % 3 == 0 else DEFAULT))
        await seal_all(store)
        everything = await _after(store)
        assert [one.link.position for one in everything] == [1, 2, 3, 4, 5, 6]
        assert await _after(store, 2) == everything[2:]
        assert await _after(store, 2, 3) == everything[2:5]
        assert await _after(store, 6) == await _after(store, 0, 0) == await _after(store, 99) == []
        for tenant in (DEFAULT, OTHER):
            own = [one for one in everything if one.link.tenant == tenant]
            assert [one.link.number for one in own] == list(range(1, len(own) + 1))
            assert await _after(store, tenant=tenant) == own
            assert await _after(store, own[0].link.position, 1, tenant) == own[1:2]

    async def test_a_reader_misses_nothing_that_comes_late(self, store: Store) -> None:
        """A fact that is older than those read is sealed behind them."""
        await _append(store, event("b"))
        await seal_all(store)
        seen = await _after(store)
        await _append(store, event("a", at=NOW - LEASE))
        assert await _unsealed(store) == [event("a", at=NOW - LEASE)]
        await seal_all(store)
        more = await _after(store, seen[-1].link.position)
        assert [one.event for one in more] == [event("a", at=NOW - LEASE)]
        assert more[0].link.position == more[0].link.number == 2

    async def test_facts_are_listed_with_and_without_a_place(self, store: Store) -> None:
        """A place changes nothing in the list of the newest."""
        await _append(store, event("a"), event("b", at=NOW + _MOMENT))
        listed = await read(store, lambda view: view.events.newest(DEFAULT, 10))
        await seal_all(store)
        assert list(await read(store, lambda view: view.events.newest(DEFAULT, 10))) == list(listed)

    async def test_any_text_has_its_place(self, store: Store) -> None:
        """Ids, types, bodies and seals come back as they went in."""
        odd = evolve(event("a"), id=EventId(AWKWARD), type=AWKWARD, body={AWKWARD: [AWKWARD, {}]})
        await _append(store, odd)
        place = evolve(link(odd, 1), seal=AWKWARD)
        assert await _seal(store, place)
        assert await _after(store) == [Sealed(link=place, event=odd)]

    async def test_an_entry_is_a_fact(self, store: Store) -> None:
        """Posted, captured or booked with a payment, it is sealed, and listed with no others."""
        await post(store, entry("a", at=NOW - _MOMENT))
        await post(store, entry("a", 7))
        await claim(store, payment("b"))
        async with store.begin() as unit:
            await unit.payments.settle(settled(payment("b")), [event("b")], [entry("b")])
        waiting = await _unsealed(store)
        assert [one.type for one in waiting].count(LEDGER_ENTRY) == 2
        assert waiting[0].at == NOW - _MOMENT
        assert len({one.id for one in waiting}) == 3
        async with store.view() as view:
            assert list(await view.events.newest(DEFAULT, 10)) == [event("b")]
        await seal_all(store)
        sealed = await _after(store)
        assert [one.event for one in sealed] == waiting
        async with store.view() as view:
            assert list(await view.events.newest(DEFAULT, 10)) == [event("b")]

    async def test_a_short_entry_is_no_fact(self, store: Store) -> None:
        """What was not posted did not happen."""
        await post(store, entry("a", -1, least=0))
        assert await _unsealed(store) == []

    async def test_of_sequencers_at_once_one_seals(self, store: Store) -> None:
        """Many have seen one end of the log: one of them goes on from it."""
        for n in range(count(3, 50)):
            await _append(store, event(str(n)))
            async with store.view() as view:
                links = await next_links(view, 10)
            told = await asyncio.gather(*(_seal(store, *links) for _ in range(16)))
            assert told.count(True) == 1
        assert len(await _after(store)) == count(3, 50)

    async def test_what_is_written_while_others_seal_is_sealed_once(self, store: Store) -> None:
        """Writers and two sequencers at once: every fact has one place, without gaps."""
        amount = count(60, 2_000)

        async def tell(n: int) -> None:
            await asyncio.sleep(0)
            at = NOW - (n * 7 % 11) * LEASE
            await _append(store, event(str(n), OTHER if n % 4 == 0 else DEFAULT, at))

        async def sequence() -> None:
            for _ in range(10):
                async with store.view() as view:
                    links = await next_links(view, 5)
                await _seal(store, *links)

        await asyncio.gather(*(tell(n) for n in range(amount)), sequence(), sequence())
        await seal_all(store)
        sealed = await _after(store, limit=amount + 1)
        assert [one.link.position for one in sealed] == list(range(1, amount + 1))
        for tenant in (DEFAULT, OTHER):
            numbers = [one.link.number for one in sealed if one.link.tenant == tenant]
            assert numbers == list(range(1, len(numbers) + 1))
        ids = {(one.event.tenant, one.event.id) for one in sealed}
        assert len(ids) == amount
        for one in sealed:
            assert (one.link.tenant, one.link.fact) == (one.event.tenant, one.event.id)
