"""What is removed, what stays, and that two that do it at once do no harm."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from attrs import evolve

from support.manual_clock import ManualClock
from support.picky import PickyStore
from tillway.adapters.stores.memory import MemoryStore
from tillway.core.checkouts import CheckoutState
from tillway.core.contracts.samples import (
    LEASE,
    NOW,
    TERM,
    answer,
    cart,
    checkout,
    delivery,
    entry,
    hold,
    inbound,
    nonce,
    refund,
)
from tillway.core.deliveries import DeliveryState
from tillway.core.ledger import HoldState
from tillway.core.ports.store import NonceUse, Started, Store
from tillway.core.refunds import NEVER, RefundState
from tillway.core.services.cleanup import (
    BATCH,
    CARTS_KEPT,
    CHECKOUTS_KEPT,
    DELIVERIES_KEPT,
    EVENTS_KEPT,
    MARGIN,
    STEPS,
    Cleanup,
)
from tillway.core.services.turns import Turn
from tillway.core.tenancy import DEFAULT

EVERY = timedelta(minutes=5)
LATER = max(CARTS_KEPT, DELIVERIES_KEPT, EVENTS_KEPT) + timedelta(days=1)


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    """Give a store in memory."""
    store = MemoryStore()
    await store.start()
    yield store
    await store.aclose()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def cleanup(store: Store, clock: ManualClock, owner: str = "one") -> Cleanup:
    turn = Turn(store=store, clock=clock, owner=owner, name="cleanup", every=EVERY)
    return Cleanup(store=store, turn=turn)


async def after(store: Store, clock: ManualClock, time: timedelta) -> dict[str, int]:
    """Clean up once that much time has passed; give what was done, nothing left out."""
    clock.time = NOW + time
    worker = cleanup(store, clock)
    done = await worker.run()
    await worker.aclose()
    return {name: count for name, count in done.items() if count}


class TestWhatGoes:
    async def test_open_carts_go_a_week_after_their_end(
        self, store: Store, clock: ManualClock
    ) -> None:
        """A payment that was made in time may be shown later. Paid ones stay."""
        async with store.begin() as unit:
            for name in ("open", "paid"):
                await unit.carts.add(cart(name))
            await unit.carts.pay(DEFAULT, cart("paid").id, "x", "payer", NOW)

        assert await after(store, clock, TERM + CARTS_KEPT - timedelta(minutes=1)) == {}
        assert await after(store, clock, TERM + CARTS_KEPT + timedelta(minutes=1)) == {"carts": 1}
        async with store.view() as view:
            assert await view.carts.get(DEFAULT, cart("paid").id) is not None

    async def test_checkouts_that_nobody_paid_go_after_ninety_days(
        self, store: Store, clock: ManualClock
    ) -> None:
        """A paid one stays."""
        ends = {"over": CheckoutState.EXPIRED, "paid": CheckoutState.PAID}
        async with store.begin() as unit:
            for name, state in ends.items():
                await unit.checkouts.add(checkout(name))
                ended = evolve(checkout(name), state=state)
                await unit.checkouts.move(ended, [CheckoutState.OPENING])
        assert await after(store, clock, TERM + CHECKOUTS_KEPT) == {}
        late = TERM + CHECKOUTS_KEPT + timedelta(minutes=1)
        assert await after(store, clock, late) == {"checkouts": 1}
        async with store.view() as view:
            assert await view.checkouts.get(DEFAULT, checkout("paid").id) is not None

    async def test_pending_refunds_expire_and_stay(self, store: Store, clock: ManualClock) -> None:
        """But for those of money that bought nothing, which wait until they are decided."""
        waiting = evolve(refund("kept", purchase="other"), expires_at=NEVER)
        async with store.begin() as unit:
            for each in (refund("asked"), waiting):
                assert await unit.refunds.add(each, each.amount)

        assert await after(store, clock, TERM + timedelta(days=4000)) == {"refunds": 1}
        async with store.view() as view:
            states = {
                each.state for each in await view.refunds.listed(DEFAULT, list(RefundState), 9)
            }
        assert states == {RefundState.EXPIRED, RefundState.PENDING}

    async def test_nonces_and_answers_go_an_hour_after_their_end(
        self, store: Store, clock: ManualClock
    ) -> None:
        """Until then another process, whose clock is slow, may still want them."""
        async with store.begin() as unit:
            await unit.nonces.add(nonce("a"))
            await unit.answers.start(DEFAULT, "key", "request", "owner", NOW, NOW + LEASE)
            await unit.answers.complete(DEFAULT, "key", "owner", answer(), NOW + TERM)

        early = await after(store, clock, TERM + MARGIN - timedelta(seconds=1))
        async with store.begin() as unit:
            used = await unit.nonces.use(DEFAULT, nonce("a").nonce, "approve", NOW)
        late = await after(store, clock, TERM + MARGIN + timedelta(seconds=1))

        assert early == {}
        assert used is NonceUse.USED
        assert late == {"nonces": 1, "answers": 1}
        async with store.begin() as unit:
            anew = await unit.answers.start(DEFAULT, "key", "r", "o", NOW, NOW + LEASE)
        assert isinstance(anew, Started)

    async def test_applied_events_go_after_thirty_days(
        self, store: Store, clock: ManualClock
    ) -> None:
        """Those that nobody has applied stay, however old."""
        async with store.begin() as unit:
            for name in ("applied", "waiting"):
                await unit.inbox.receive(inbound(name))
            await unit.inbox.apply(DEFAULT, "stripe", "evt_applied", NOW)

        assert await after(store, clock, EVENTS_KEPT - timedelta(seconds=1)) == {}
        assert await after(store, clock, EVENTS_KEPT + timedelta(seconds=1)) == {"inbox": 1}
        async with store.view() as view:
            assert await view.inbox.get(DEFAULT, "stripe", "evt_waiting") is not None

    async def test_done_deliveries_go_after_seven_days(
        self, store: Store, clock: ManualClock
    ) -> None:
        """Dead letters stay for people."""
        async with store.begin() as unit:
            for name, state in (("a", DeliveryState.DONE), ("b", DeliveryState.DEAD)):
                await unit.deliveries.add(delivery(name))
                (taken,) = await unit.deliveries.take("o", NOW + LEASE, NOW + TERM, 1)
                ended = evolve(taken, state=state, completed_at=NOW)
                assert await unit.deliveries.finish(ended)

        assert await after(store, clock, DELIVERIES_KEPT - timedelta(seconds=1)) == {}
        assert await after(store, clock, DELIVERIES_KEPT + timedelta(seconds=1)) == {
            "deliveries": 1
        }
        async with store.view() as view:
            dead = await view.deliveries.listed(DEFAULT, [DeliveryState.DEAD], 9)
        assert len(dead) == 1

    async def test_expired_holds_end(self, store: Store, clock: ManualClock) -> None:
        """What they kept is available again."""
        async with store.begin() as unit:
            await unit.ledger.post(entry("e", 100))
            assert await unit.ledger.hold(hold("h", 60))

        assert await after(store, clock, timedelta(days=2)) == {"holds": 1}
        async with store.view() as view:
            held = await view.ledger.held(DEFAULT, hold("h", 60).id)
        assert held is not None
        assert held.state is HoldState.EXPIRED


class TestTogether:
    async def test_many_are_removed_some_at_a_time(self, store: Store, clock: ManualClock) -> None:
        """As many batches as it takes."""
        async with store.begin() as unit:
            for number in range(2 * BATCH + 7):
                await unit.nonces.add(nonce(f"{number}"))

        assert await after(store, clock, timedelta(days=1)) == {"nonces": 2 * BATCH + 7}

    async def test_of_ten_at_once_one_cleans_up(self, store: Store, clock: ManualClock) -> None:
        """The others find that it is not their turn."""
        async with store.begin() as unit:
            for number in range(BATCH + 1):
                await unit.nonces.add(nonce(f"{number}"))
        clock.time = NOW + timedelta(days=1)

        all_done = await asyncio.gather(
            *(cleanup(store, clock, f"{number}").run() for number in range(10))
        )

        assert [each["nonces"] for each in all_done if each] == [BATCH + 1]

    async def test_a_step_that_comes_late_does_no_harm(
        self, store: Store, clock: ManualClock
    ) -> None:
        """A process that stood still in the middle of a step does what was done already."""
        async with store.begin() as unit:
            await unit.nonces.add(nonce("old"))
        clock.time = NOW + timedelta(days=1)
        stopped_at = clock.now()
        await cleanup(store, clock).run()
        clock.time += timedelta(days=1)
        fresh = nonce("new", expires_at=clock.now() + TERM)
        async with store.begin() as unit:
            await unit.nonces.add(fresh)
            for step in STEPS.values():
                await step(unit, stopped_at, BATCH)
            used = await unit.nonces.use(DEFAULT, fresh.nonce, "approve", clock.now())

        assert used is NonceUse.USED


class TestFaults:
    async def test_one_kind_that_cannot_be_cleaned_up_keeps_no_other(
        self, clock: ManualClock, caplog: pytest.LogCaptureFixture
    ) -> None:
        """What it is, is logged; the turn ends, and the next comes when it is due."""
        store = PickyStore(MemoryStore(), most=0)
        async with store.begin() as unit:
            await unit.nonces.add(nonce("a"))
            await unit.inbox.receive(inbound("a"))
            await unit.inbox.apply(DEFAULT, "stripe", "evt_a", NOW)
        assert await after(store, clock, LATER) == {"nonces": 1}
        assert "inbox are not cleaned up" in caplog.text

    async def test_a_batch_that_is_too_large_is_made_smaller(self, clock: ManualClock) -> None:
        """Down to what the store can take, and all of it is done."""
        store = PickyStore(MemoryStore(), most=10)
        async with store.begin() as unit:
            for n in range(25):
                await unit.inbox.receive(inbound(f"{n}"))
                await unit.inbox.apply(DEFAULT, "stripe", f"evt_{n}", NOW)
        assert await after(store, clock, LATER) == {"inbox": 25}
