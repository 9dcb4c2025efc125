"""Put products and coupons into the store, as a file has them, while gateways run or not."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar

from attrs import evolve, frozen

from tillway.core.catalog import Coupon, Product
from tillway.core.ids import CouponCode, ProductId
from tillway.core.tenancy import DEFAULT
from tillway.entrypoints.configuration import Configured
from tillway.entrypoints.gateway import Gateway
from tillway.entrypoints.unopened import refuse_memory, unopened

Kept = TypeVar("Kept", Product, Coupon)


class Step(StrEnum):
    """What an import does with one definition."""

    ADD = "add"
    CHANGE = "change"
    KEEP = "keep"
    REMOVE = "remove"


@frozen(kw_only=True)
class Planned(Generic[Kept]):
    """One definition, and what becomes of it."""

    name: str
    step: Step
    now: Kept | None


@asynccontextmanager
async def shelf(configured: Configured) -> AsyncIterator[Gateway]:
    """Open a gateway's store and the places of its definitions, and nothing else of it."""
    refuse_memory(configured)
    async with unopened(configured) as gateway:
        await gateway.store.start()
        if gateway.sources is not None:
            await gateway.sources.start()
        yield gateway


async def products_in(gateway: Gateway) -> Sequence[Product]:
    """Give what is for sale, and what is not just now where the store has it."""
    if gateway.services.edit.products is not None:
        return await gateway.catalogue.products(DEFAULT)
    async with gateway.store.view(once=True) as view:
        return await view.products.all(DEFAULT)


async def coupons_in(gateway: Gateway) -> Sequence[Coupon]:
    """Give the coupons, inactive ones too where the store has them."""
    if gateway.services.edit.coupons is not None:
        return await gateway.catalogue.coupons(DEFAULT)
    async with gateway.store.view(once=True) as view:
        return await view.coupons.all(DEFAULT)


async def uses_of(gateway: Gateway, coupons: Iterable[Coupon]) -> Mapping[str, int]:
    """Count how often coupons were used, those of open payments too."""
    names = [f"coupon:{each.code}" for each in coupons]
    async with gateway.store.view(once=True) as view:
        totals = await view.tallies.totals(DEFAULT, names)
    return {name.removeprefix("coupon:"): total for name, total in totals.items()}


def planned(
    wanted: Sequence[Kept], there: Sequence[Kept], name: Callable[[Kept], str], *, prune: bool
) -> Sequence[Planned[Kept]]:
    """Compare what is wanted with what is there; a repeat of an import keeps everything."""
    known = {name(each): each for each in there}
    plan: list[Planned[Kept]] = [
        _planned(each, known.pop(name(each), None), name(each)) for each in wanted
    ]
    if prune:
        plan += [Planned(name=each, step=Step.REMOVE, now=None) for each in sorted(known)]
    return plan


def _planned(wanted: Kept, there: Kept | None, name: str) -> Planned[Kept]:
    if there is None:
        return Planned(name=name, step=Step.ADD, now=wanted)
    fitted = _with_marks_of(wanted, there)
    return Planned(name=name, step=Step.KEEP if fitted == there else Step.CHANGE, now=fitted)


def _with_marks_of(wanted: Kept, there: Kept) -> Kept:
    """Leave what a file does not say: when it was made, and what it cost before."""
    fitted = evolve(wanted, created_at=there.created_at, updated_at=there.updated_at)
    if isinstance(there, Product):
        return evolve(fitted, previous=there.previous)  # type: ignore[call-arg]  # as it is one too
    return fitted


def dated(kept: Kept, at: datetime) -> Kept:
    """Say when it was made, or changed."""
    return evolve(kept, created_at=kept.created_at or at, updated_at=at)


@frozen(kw_only=True)
class Kind(Generic[Kept]):
    """Definitions of one kind in a gateway's store: how they are named, read and edited.

    ``refuse`` raises Declined where they come from elsewhere.
    """

    name: Callable[[Kept], str]
    refuse: Callable[[], None]
    there: Callable[[], Awaitable[Sequence[Kept]]]
    put: Callable[[Kept], Awaitable[None]]
    remove: Callable[[str], Awaitable[bool]]


def of_products(gateway: Gateway) -> Kind[Product]:
    """Give the products of a gateway's store."""
    edit = gateway.services.edit
    return Kind(
        name=lambda each: each.id,
        refuse=edit.refuse_products_elsewhere,
        there=lambda: products_in(gateway),
        put=lambda each: edit.put_product(DEFAULT, each),
        remove=lambda name: edit.remove_product(DEFAULT, ProductId(name)),
    )


def of_coupons(gateway: Gateway) -> Kind[Coupon]:
    """Give the coupons of a gateway's store."""
    edit = gateway.services.edit
    return Kind(
        name=lambda each: each.code,
        refuse=edit.refuse_coupons_elsewhere,
        there=lambda: coupons_in(gateway),
        put=lambda each: edit.put_coupon(DEFAULT, each),
        remove=lambda name: edit.remove_coupon(DEFAULT, CouponCode(name)),
    )


async def imported(
    configured: Configured,
    kind: Callable[[Gateway], Kind[Kept]],
    read: Callable[[], Sequence[Kept]],
    *,
    dry_run: bool,
    prune: bool,
) -> Sequence[Planned[Kept]]:
    """Put what is read into the store, unless it is to be dry, and give the plan of it."""
    async with shelf(configured) as gateway:
        of = kind(gateway)
        of.refuse()
        plan = planned(read(), await of.there(), of.name, prune=prune)
        if not dry_run:
            await _carry_out(plan, of, gateway.services.clock.now())
        return plan


async def _carry_out(plan: Sequence[Planned[Kept]], of: Kind[Kept], at: datetime) -> None:
    """Do what is planned, each in a commit of its own, which other processes hear of."""
    for each in plan:
        if each.step is Step.REMOVE:
            await of.remove(each.name)
        elif each.step is not Step.KEEP and each.now is not None:
            await of.put(dated(each.now, at))
