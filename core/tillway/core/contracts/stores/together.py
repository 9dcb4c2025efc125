"""The laws of units for every method: all that is written is there, or nothing.

The methods are read from the port: one that is new, and neither stands in ``deeds`` as writing
nor here as reading, fails.
"""

import inspect
from typing import Final, get_type_hints

import pytest

from tillway.core.contracts.samples import LEASE, NOW, TERM, THEIRS
from tillway.core.contracts.stores.crossings import everything, fill
from tillway.core.contracts.stores.deeds import DEEDS, LIMITED, ODD, Deed
from tillway.core.contracts.stores.steps import write
from tillway.core.contracts.stores.tenants import methods
from tillway.core.ports.store import Store, View
from tillway.core.tenancy import DEFAULT

_LATE: Final = NOW + 2 * TERM
_READS: Final = frozenset(
    {
        "payments.find",
        "payments.by_signature",
        "payments.newest",
        "payments.of_payer",
        "payments.archived",
        "tallies.totals",
        "events.newest",
        "events.unsealed",
        "events.last",
        "events.head",
        "events.after",
        "ledger.entry",
        "ledger.balance",
        "ledger.history",
        "ledger.balances",
        "ledger.held",
        "products.get",
        "products.all",
        "coupons.get",
        "coupons.all",
        "quote_keys.all",
        "carts.get",
        "carts.unpaid",
        "refunds.get",
        "refunds.of",
        "refunds.listed",
        "subscriptions.get",
        "subscriptions.by_stripe",
        "subscriptions.running",
        "subscriptions.of",
        "subscriptions.listed",
        "subscriptions.due",
        "checkouts.get",
        "checkouts.by_session",
        "checkouts.by_payment",
        "checkouts.due",
        "nonces.waiting",
        "inbox.get",
        "inbox.listed",
        "deliveries.get",
        "deliveries.listed",
        "settings.get",
        "settings.all",
    }
)


class _UndoneError(Exception):
    """Raised to leave a unit unwritten."""


async def _state(store: Store) -> list[object]:
    """Give all that there is: what is read, and what answers would be."""
    async with store.view() as view:
        seen = await everything(view)
        seen.append(list(await view.checkouts.due(_LATE, 100)))
    try:
        async with store.begin() as unit:
            seen.append(list(await unit.inbox.take(THEIRS, _LATE, _LATE, 100)))
            for name in ("key", "new"):
                start = unit.answers.start
                seen.append(await start(DEFAULT, name, "request", THEIRS, NOW, _LATE))
            for name in ("sweeper", "new"):
                seen.append(await unit.leases.acquire(name, THEIRS, NOW, NOW + LEASE))
            raise _UndoneError
    except _UndoneError:
        return seen


@pytest.mark.asyncio
class TogetherLaws:
    """``Store.begin`` and ``view``, with every method of every repository."""

    @pytest.mark.parametrize("method", sorted(DEEDS))
    async def test_a_method_is_written_or_not(self, store: Store, method: str) -> None:
        """In a view it is refused, with a unit that fails undone, and as a promised call done."""
        deed = DEEDS[method]
        await _filled(store)
        before = await _state(store)
        async with store.view() as view:
            with pytest.raises(RuntimeError):
                await deed(view)
        with pytest.raises(_UndoneError):
            await _undone(store, deed)
        assert await _state(store) == before
        await write(store, deed)
        assert await _state(store) != before

    async def test_every_method_is_tried(self) -> None:
        """Those that write, those that read, and those that take a limit."""
        assert sorted({*DEEDS, *_READS}) == sorted(methods())
        assert not _READS.intersection(DEEDS)
        assert sorted(LIMITED) == sorted(name for name in methods() if _takes_limit(name))

    async def test_what_is_written_together_is_there_together(self, store: Store) -> None:
        """A unit sees all that it has written, and so does whoever comes after it."""
        async with store.begin() as unit:
            await fill(unit)
            seen = await everything(unit)
            assert all(seen)
        async with store.view() as view:
            assert await everything(view) == seen

    async def test_what_fails_together_is_not_there(self, store: Store) -> None:
        """Of a unit that has written everything and then fails, nothing is."""
        before = await _state(store)
        with pytest.raises(_UndoneError):
            await _undone(store, fill)
        assert await _state(store) == before
        await _filled(store)
        assert await _state(store) != before

    async def test_a_view_sees_no_part_of_a_unit(self, store: Store) -> None:
        """Neither before its end nor, if it was opened before, after it."""
        async with store.view() as before:
            nothing = await everything(before)
            async with store.begin() as unit:
                await fill(unit)
                async with store.view() as beside:
                    assert await everything(beside) == nothing
            assert await everything(before) == nothing
        async with store.view() as after:
            assert all(await everything(after))

    @pytest.mark.parametrize("what", sorted(ODD))
    async def test_what_is_odd_spoils_its_unit(self, store: Store, what: str) -> None:
        """Whoever catches the ValueError does not commit the rest, and meets it again."""
        await _filled(store)
        before = await _state(store)
        with pytest.raises(ValueError, match=r".") as again:  # noqa: PT012 - the leaving is tested
            async with store.begin() as unit:
                await DEEDS["carts.add"](unit)
                with pytest.raises(ValueError, match=r".") as first:
                    await ODD[what](unit)
        assert again.value is first.value
        assert await _state(store) == before

    @pytest.mark.parametrize("method", sorted(LIMITED))
    async def test_a_limit_below_zero_is_refused(self, store: Store, method: str) -> None:
        """What databases make of it differs: nobody is to find out."""
        with pytest.raises(ValueError, match="limit"):
            await write(store, LIMITED[method])

    async def test_records_of_what_has_ended_are_used_no_more(self, store: Store) -> None:
        """Repositories that are kept beyond their unit or view neither read nor write."""
        async with store.begin() as unit:
            carts, ledger = unit.carts, unit.ledger
        async with store.view() as view:
            leases = view.leases
        before = await _state(store)
        for late in (
            carts.unpaid(DEFAULT, "user-1", NOW),
            carts.purge(NOW, 1),
            ledger.balances(DEFAULT, 1),
            leases.give_up("sweeper", THEIRS),
        ):
            with pytest.raises(RuntimeError):
                await late
        assert await _state(store) == before


async def _filled(store: Store) -> None:
    async with store.begin() as unit:
        await fill(unit)


async def _undone(store: Store, deed: Deed) -> None:
    async with store.begin() as unit:
        await deed(unit)
        raise _UndoneError


def _takes_limit(method: str) -> bool:
    name, verb = method.split(".")
    repository = get_type_hints(getattr(View, name).fget)["return"]
    # The limit of refunds is money.
    limit = inspect.signature(getattr(repository, verb)).parameters.get("limit")
    return limit is not None and limit.annotation is int
