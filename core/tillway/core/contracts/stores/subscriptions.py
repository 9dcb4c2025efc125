"""The laws of subscriptions: one runs at a time, and changes are made to what was seen."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import pytest
from attrs import evolve

from tillway.core.contracts.samples import AWKWARD, NOW, OTHER, subscription
from tillway.core.contracts.stores.steps import count, read, write
from tillway.core.ids import ProductId
from tillway.core.ports.store import Store
from tillway.core.subscriptions import RUNNING, Subscription, SubscriptionState
from tillway.core.tenancy import DEFAULT

_MOMENT: Final = timedelta(microseconds=1)
_OVER: Final = sorted(frozenset(SubscriptionState) - RUNNING)
_CANCELLED: Final = SubscriptionState.CANCELLED


async def _add(store: Store, one: Subscription) -> bool:
    return await write(store, lambda unit: unit.subscriptions.add(one))


async def _replace(store: Store, one: Subscription) -> bool:
    return await write(store, lambda unit: unit.subscriptions.replace(one))


async def _get(store: Store, name: str) -> Subscription | None:
    wanted = subscription(name).id
    return await read(store, lambda view: view.subscriptions.get(DEFAULT, wanted))


async def _running(store: Store) -> Subscription | None:
    product = ProductId("article")
    return await read(
        store, lambda view: view.subscriptions.running(DEFAULT, "payer-wallet", product)
    )


async def _due(store: Store, now: datetime, limit: int = 10) -> Sequence[Subscription]:
    return list(await read(store, lambda view: view.subscriptions.due(now, limit)))


def _over(name: str) -> Subscription:
    return evolve(subscription(name, state=_CANCELLED), due_at=None)


@pytest.mark.asyncio
class SubscriptionLaws:
    """``Subscriptions``."""

    async def test_a_subscription_is_read_as_it_was_written(self, store: Store) -> None:
        """Every field comes back equal, but for the version, which begins at 0."""
        written = evolve(
            subscription("a", subscriber=AWKWARD, product=AWKWARD),
            metadata={AWKWARD: AWKWARD},
            stripe_subscription=AWKWARD,
            cancel_at_period_end=True,
            cancelled_at=NOW,
        )
        assert await _add(store, evolve(written, version=7))
        assert await _get(store, "a") == written
        assert await _get(store, "b") is None
        async with store.view() as view:
            of = view.subscriptions
            assert await of.by_stripe(DEFAULT, AWKWARD) == written
            assert await of.running(DEFAULT, AWKWARD, ProductId(AWKWARD)) == written
            assert list(await of.of(DEFAULT, AWKWARD)) == [written]

    async def test_a_known_subscription_is_not_written_again(self, store: Store) -> None:
        """One of its id, or of its id at Stripe, is False and changes nothing."""
        await _add(store, _over("a"))
        assert not await _add(store, subscription("a", product="book"))
        assert not await _add(store, evolve(_over("b"), stripe_subscription="sub_a"))
        assert await _get(store, "a") == _over("a")
        assert await _get(store, "b") is None
        assert await _add(store, subscription("a", OTHER))

    async def test_those_without_stripe_are_many(self, store: Store) -> None:
        """No id at Stripe is nobody's id."""
        for name in ("a", "b"):
            assert await _add(store, evolve(_over(name), stripe_subscription=None))

    @pytest.mark.parametrize("state", sorted(RUNNING))
    async def test_a_subscriber_has_one_that_runs(
        self, store: Store, state: SubscriptionState
    ) -> None:
        """A second one of the product is not written; of another product or subscriber it is."""
        await _add(store, subscription("a", state=state))
        for second in sorted(RUNNING):
            assert not await _add(store, subscription("b", state=second))
        assert await _running(store) == subscription("a", state=state)
        assert await _add(store, subscription("c", product="book"))
        assert await _add(store, subscription("d", subscriber="another"))
        for ended in _OVER:
            assert await _add(store, subscription(f"ended {ended}", state=ended))
        assert await _running(store) == subscription("a", state=state)

    async def test_names_are_never_taken_for_one_another(self, store: Store) -> None:
        """A subscriber and a product are two things, however they are spelt."""
        assert await _add(store, subscription("a", subscriber="x:y", product="z"))
        assert await _add(store, subscription("b", subscriber="x", product="y:z"))

    async def test_one_that_has_ended_makes_room(self, store: Store) -> None:
        """Another one may run then, and the first can not run again beside it."""
        await _add(store, subscription("a"))
        assert await _replace(store, _over("a"))
        assert await _running(store) is None
        assert await _add(store, subscription("b"))
        assert not await _replace(store, evolve(subscription("a"), version=1))
        assert await _get(store, "a") == evolve(_over("a"), version=1)
        assert await _replace(store, _over("b"))
        assert await _replace(store, evolve(subscription("a"), version=1))
        assert await _running(store) == evolve(subscription("a"), version=2)

    async def test_a_subscription_is_replaced_as_it_was_seen(self, store: Store) -> None:
        """Another version, as for a repeat, is not replaced; each change counts up by one."""
        await _add(store, subscription("a"))
        late = subscription("a", state=SubscriptionState.PAST_DUE)
        assert not await _replace(store, evolve(late, version=1))
        assert await _replace(store, late)
        assert not await _replace(store, late)
        assert await _get(store, "a") == evolve(late, version=1)
        assert await _replace(store, evolve(subscription("a"), version=1))
        assert await _get(store, "a") == evolve(subscription("a"), version=2)

    async def test_what_is_not_there_is_not_replaced(self, store: Store) -> None:
        """A change makes no subscription."""
        assert not await _replace(store, subscription("a"))
        assert await _get(store, "a") is None

    async def test_an_id_at_stripe_stays_unique(self, store: Store) -> None:
        """A change takes no other's, and what it has given up can be taken."""
        await _add(store, _over("a"))
        await _add(store, _over("b"))
        assert not await _replace(store, evolve(_over("b"), stripe_subscription="sub_a"))
        assert await _replace(store, evolve(_over("a"), stripe_subscription="sub_c"))
        assert await _replace(store, evolve(_over("b"), stripe_subscription="sub_a"))
        async with store.view() as view:
            found = await view.subscriptions.by_stripe(DEFAULT, "sub_a")
            assert found is not None
            assert found.id == subscription("b").id
            assert await view.subscriptions.by_stripe(DEFAULT, "sub_b") is None

    async def test_of_subscriptions_at_once_one_runs(self, store: Store) -> None:
        """Many race to be the one: one is written."""
        for n in range(count(2, 50)):
            subscriber = f"wallet-{n}"
            asked = [subscription(f"{n}-{who}", subscriber=subscriber) for who in range(32)]
            told = await asyncio.gather(*(_add(store, each) for each in asked))
            assert told.count(True) == 1
            async with store.view() as view:
                found = await view.subscriptions.of(DEFAULT, subscriber)
            assert list(found) == [asked[told.index(True)]]

    async def test_of_replacements_at_once_one_is_made(self, store: Store) -> None:
        """Many have seen one version: one of them replaces it."""
        await _add(store, subscription("a"))
        for version in range(count(2, 50)):
            asked = [
                evolve(subscription("a"), version=version, metadata={"who": str(who)})
                for who in range(32)
            ]
            told = await asyncio.gather(*(_replace(store, each) for each in asked))
            assert told.count(True) == 1
            expected = evolve(asked[told.index(True)], version=version + 1)
            assert await _get(store, "a") == expected

    async def test_subscriptions_are_listed_newest_first(self, store: Store) -> None:
        """The tenant's, or one subscriber's; of one time, the greater id first."""
        wanted = [
            evolve(subscription(str(n), product=str(n)), created_at=NOW + (n // 2) * _MOMENT)
            for n in range(4)
        ]
        for one in (wanted[2], wanted[0], wanted[3], wanted[1]):
            await _add(store, one)
        await _add(store, subscription("theirs", OTHER))
        ordered = sorted(wanted, key=lambda one: (one.created_at, one.id), reverse=True)
        async with store.view() as view:
            of = view.subscriptions
            assert list(await of.of(DEFAULT, "payer-wallet")) == ordered
            assert list(await of.of(DEFAULT, "nobody")) == []
            assert list(await of.listed(DEFAULT, 10)) == ordered
            assert list(await of.listed(DEFAULT, 3)) == ordered[:3]
            assert list(await of.listed(DEFAULT, 10, NOW + _MOMENT)) == ordered[2:]
            assert list(await of.listed(DEFAULT, 0)) == []

    async def test_a_subscribers_list_is_bounded(self, store: Store) -> None:
        """The newest thousand are given."""
        async with store.begin() as unit:
            for n in range(1_001):
                await unit.subscriptions.add(evolve(_over(str(n)), created_at=NOW + n * _MOMENT))
        found = await read(store, lambda view: view.subscriptions.of(DEFAULT, "payer-wallet"))
        assert len(found) == 1_000
        assert found[-1].id == subscription("1").id

    async def test_what_is_due_is_given_longest_due_first(self, store: Store) -> None:
        """Of all tenants, after its time, and as often as it is asked for."""
        for n in (2, 0, 1):
            tenant = OTHER if n == 1 else DEFAULT
            one = subscription(str(n), tenant, subscriber=str(n))
            await _add(store, evolve(one, due_at=NOW + n * _MOMENT))
        await _add(store, _over("ended"))
        assert await _due(store, NOW) == []
        wanted = [subscription(str(n)).id for n in range(3)]
        for _ in range(2):
            assert [one.id for one in await _due(store, NOW + 2 * _MOMENT)] == wanted[:2]
            assert [one.id for one in await _due(store, NOW + 3 * _MOMENT)] == wanted
            assert [one.id for one in await _due(store, NOW + 3 * _MOMENT, 1)] == wanted[:1]

    async def test_a_change_moves_what_is_due(self, store: Store) -> None:
        """Whoever has looked at one says when it is due next, or never again."""
        await _add(store, evolve(subscription("a"), due_at=NOW))
        assert await _replace(store, evolve(subscription("a"), due_at=NOW + _MOMENT))
        assert await _due(store, NOW + _MOMENT) == []
        assert len(await _due(store, NOW + 2 * _MOMENT)) == 1
        assert await _replace(store, evolve(_over("a"), version=1))
        assert await _due(store, NOW + timedelta(days=400)) == []
