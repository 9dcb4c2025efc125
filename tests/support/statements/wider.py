"""More of what a gateway does to a store: books, records, the sealed log and the archive."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from support.statements.operations import Operation
from tillway.core.assets import USDC
from tillway.core.contracts.samples import (
    CHAIN,
    CREDITS,
    LEASE,
    NOW,
    OURS,
    TERM,
    answer,
    cart,
    checkout,
    delivery,
    entry,
    event,
    hold,
    inbound,
    key_of,
    nonce,
    payment,
    refund,
    settled,
    subscription,
    watched,
)
from tillway.core.deliveries import DeliveryState
from tillway.core.payments import State
from tillway.core.ports.store import InboundState, Link, Store
from tillway.core.refunds import RefundState
from tillway.core.tenancy import DEFAULT

_LATER: Final = NOW + timedelta(hours=1)


async def _settles_with_entries(store: Store) -> object:
    async with store.begin() as unit:
        await unit.payments.claim(payment("booked"))
        await unit.payments.claim(payment("watched"))
        await unit.payments.settle(watched(payment("watched")))
    async with store.begin(once=True) as unit:
        facts, entries = [event("booked")], [entry("booked", 70)]
        return await unit.payments.settle(settled(payment("booked")), facts, entries)


async def _watches(store: Store) -> object:
    async with store.begin(once=True) as unit:
        found = await unit.payments.watch(OURS, _LATER, _LATER + LEASE, 5)
    async with store.begin(once=True) as unit:
        final = settled(payment("watched"))
        return len(found), await unit.payments.amend(final, State.SETTLED, [event("final")])


async def _posts(store: Store) -> object:
    async with store.begin(once=True) as unit:
        await unit.ledger.post(entry("first", 100))
    async with store.begin(once=True) as unit:
        return await unit.ledger.post(entry("too much", -500, least=0))


async def _holds(store: Store) -> object:
    async with store.begin() as unit:
        kept = await unit.ledger.hold(hold("kept", 30)), await unit.ledger.hold(hold("gone", 20))
        spent = await unit.ledger.capture(DEFAULT, hold("kept").id, entry("spent", -10))
        gone = await unit.ledger.let_go(DEFAULT, hold("gone").id, NOW)
        await unit.ledger.hold(hold("of a claim", 5, claim=(CHAIN, key_of("together"))))
        return kept, spent, gone, await unit.ledger.expire(NOW + 2 * TERM, 5)


async def _knows_books(store: Store) -> object:
    async with store.view() as view:
        return (
            await view.ledger.balance(DEFAULT, CREDITS, USDC),
            await view.ledger.balances(DEFAULT, 10),
            await view.ledger.history(DEFAULT, CREDITS, USDC, 10, None),
            await view.ledger.held(DEFAULT, hold("kept").id),
            await view.ledger.entry(DEFAULT, entry("first").key),
        )


async def _sells(store: Store) -> object:
    async with store.begin() as unit:
        await unit.carts.add(cart("a"))
        await unit.carts.pay(DEFAULT, cart("a").id, "signature-a", "payer-wallet", NOW)
        await unit.checkouts.add(checkout("a"))
        await unit.subscriptions.add(subscription("a"))
        return await unit.refunds.add(refund("a"), refund("a").amount)


async def _knows_sales(store: Store) -> object:
    async with store.view() as view:
        return (
            await view.carts.get(DEFAULT, cart("a").id),
            await view.carts.unpaid(DEFAULT, "user-1", NOW),
            await view.checkouts.get(DEFAULT, checkout("a").id),
            await view.subscriptions.listed(DEFAULT, 5),
            await view.subscriptions.due(_LATER, 5),
            await view.refunds.listed(DEFAULT, list(RefundState), 5),
        )


async def _is_asked(store: Store) -> object:
    one = nonce("a")
    async with store.begin() as unit:
        await unit.nonces.waiting(DEFAULT, one.purpose, NOW)
        await unit.nonces.add(one)
        await unit.nonces.use(DEFAULT, one.nonce, one.purpose, NOW)
        await unit.inbox.receive(inbound("a"))
        await unit.inbox.take(OURS, _LATER, _LATER + LEASE, 5)
        began = await unit.answers.start(DEFAULT, "key", "request", OURS, NOW, _LATER)
        return began, await unit.answers.complete(DEFAULT, "key", OURS, answer(), _LATER)


async def _works(store: Store) -> object:
    async with store.begin() as unit:
        await unit.deliveries.add(delivery("a"))
        await unit.deliveries.add(delivery("b", endpoint="other"))
        await unit.deliveries.remove(DEFAULT, delivery("b", endpoint="other").id)
        taken = await unit.deliveries.take(OURS, _LATER, _LATER + LEASE, 5)
        await unit.settings.put(DEFAULT, "limit", {"most": 1}, 0, NOW, "admin")
        return taken, await unit.leases.acquire("sweeper", OURS, NOW, _LATER)


async def _knows_work(store: Store) -> object:
    async with store.view() as view:
        return (
            await view.deliveries.listed(DEFAULT, list(DeliveryState), 5),
            await view.settings.all(DEFAULT),
        )


async def _seals(store: Store) -> object:
    async with store.begin() as unit:
        found = [one for one in await unit.events.unsealed(100) if one.tenant == DEFAULT][:3]
        links = [
            Link(position=n, tenant=DEFAULT, number=n, fact=one.id, seal="00")
            for n, one in enumerate(found, start=1)
        ]
        return await unit.events.seal(links)


async def _knows_places(store: Store) -> object:
    async with store.view() as view:
        last, head = await view.events.last(), await view.events.head(DEFAULT)
        after = await view.events.after(0, 5), await view.events.after(1, 5, DEFAULT)
        return last, head, after


async def _archives(store: Store) -> object:
    async with store.begin(once=True) as unit:
        moved = await unit.payments.archive(_LATER, 100)
    async with store.view() as view:
        archived = await view.payments.archived(DEFAULT, 10)
        return moved, archived, await view.payments.find(CHAIN, key_of("booked"))


async def _gives_up(store: Store) -> object:
    async with store.begin() as unit:
        await unit.inbox.receive(inbound("over"))
        return await unit.inbox.put_off(DEFAULT, "stripe", "evt_over", "no", None)


async def _knows_what_is_given_up(store: Store) -> object:
    async with store.view() as view:
        return await view.inbox.listed(DEFAULT, list(InboundState), 5)


async def _lists_a_payers(store: Store) -> object:
    bought = [payment(name, payer="lister") for name in ("listed", "listed too")]
    async with store.begin() as unit:
        for one in bought:
            await unit.payments.claim(one)
            await unit.payments.settle(settled(one))
    async with store.view() as view:
        page = await view.payments.of_payer(DEFAULT, "lister", 1)
        return page, await view.payments.of_payer(DEFAULT, "lister", 2, page[0])


WIDER: Final[Mapping[str, Operation]] = {
    "settle with entries": _settles_with_entries,
    "watch": _watches,
    "post": _posts,
    "hold": _holds,
    "know books": _knows_books,
    "sell": _sells,
    "know sales": _knows_sales,
    "be asked": _is_asked,
    "work": _works,
    "know work": _knows_work,
    "seal": _seals,
    "know places": _knows_places,
    "archive": _archives,
    "give up": _gives_up,
    "know what is given up": _knows_what_is_given_up,
    "list a payer's": _lists_a_payers,
}
