"""For every method that writes: a call that changes what ``crossings.fill`` has left.

Besides, the calls that are refused, and every method that takes a limit with one below zero.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from attrs import evolve

from tillway.core.assets import EUR, USDC
from tillway.core.checkouts import CheckoutState
from tillway.core.contracts.samples import (
    CREDITS,
    LEASE,
    NOW,
    OTHER,
    OURS,
    TERM,
    THEIRS,
    answer,
    cart,
    checkout,
    coupon,
    delivery,
    entry,
    event,
    failed,
    hold,
    inbound,
    link,
    nonce,
    payment,
    product,
    quote_key,
    refund,
    settled,
    subscription,
)
from tillway.core.deliveries import DeliveryState
from tillway.core.money import Money
from tillway.core.payments import State
from tillway.core.ports.store import InboundState, UnitOfWork
from tillway.core.refunds import RefundState
from tillway.core.subscriptions import SubscriptionState
from tillway.core.tenancy import DEFAULT

Deed = Callable[[UnitOfWork], Awaitable[Any]]

_LATE: Final = NOW + 2 * TERM
_UNTIL: Final = _LATE + LEASE
_LIMIT: Final = Money(100, USDC)
_MINE: Final = payment("mine")
_OVER: Final = evolve(settled(payment("watched")), watched=False)
_HELD: Final = hold("mine").id
_CANCELLED: Final = subscription("mine", state=SubscriptionState.CANCELLED)
_DENIED: Final = evolve(refund("mine"), state=RefundState.DENIED)
_FAILED: Final = evolve(checkout("mine", session="cs_mine"), state=CheckoutState.FAILED)
_DONE: Final = evolve(delivery("taken"), owner=OURS, state=DeliveryState.DONE, completed_at=NOW)

DEEDS: Final[Mapping[str, Deed]] = {
    "payments.claim": lambda unit: unit.payments.claim(payment("new")),
    "payments.settle": lambda unit: unit.payments.settle(
        settled(_MINE), [event("new")], [entry("new")]
    ),
    "payments.fail": lambda unit: unit.payments.fail(failed(_MINE), False, [event("new")]),
    "payments.release": lambda unit: unit.payments.release(_MINE, _LATE),
    "payments.amend": lambda unit: unit.payments.amend(
        _OVER, State.SETTLED, [event("new")], [entry("new")]
    ),
    "payments.renew": lambda unit: unit.payments.renew(OURS, [_MINE.key], _LATE),
    "payments.take_over": lambda unit: unit.payments.take_over(THEIRS, _LATE, _UNTIL, 9),
    "payments.watch": lambda unit: unit.payments.watch(THEIRS, _LATE, _UNTIL, 9),
    "payments.archive": lambda unit: unit.payments.archive(_LATE, 9),
    "events.append": lambda unit: unit.events.append(event("new")),
    "events.seal": lambda unit: unit.events.seal([link(event("waiting"), 2)]),
    "ledger.post": lambda unit: unit.ledger.post(entry("new")),
    "ledger.hold": lambda unit: unit.ledger.hold(hold("new")),
    "ledger.capture": lambda unit: unit.ledger.capture(DEFAULT, _HELD, entry("new", -5)),
    "ledger.let_go": lambda unit: unit.ledger.let_go(DEFAULT, _HELD, NOW),
    "ledger.expire": lambda unit: unit.ledger.expire(_LATE, 9),
    "products.put": lambda unit: unit.products.put(DEFAULT, product(cents=900), NOW),
    "products.remove": lambda unit: unit.products.remove(DEFAULT, product().id),
    "coupons.put": lambda unit: unit.coupons.put(DEFAULT, coupon(limit=1)),
    "coupons.remove": lambda unit: unit.coupons.remove(DEFAULT, coupon().code),
    "quote_keys.add": lambda unit: unit.quote_keys.add(quote_key("new")),
    "quote_keys.retire": lambda unit: unit.quote_keys.retire("mine", NOW),
    "quote_keys.revive": lambda unit: unit.quote_keys.revive("old"),
    "carts.add": lambda unit: unit.carts.add(cart("new")),
    "carts.pay": lambda unit: unit.carts.pay(DEFAULT, cart("mine").id, "a", "payer", NOW),
    "carts.reverse": lambda unit: unit.carts.reverse(DEFAULT, cart("paid").id, "signature-p"),
    "carts.purge": lambda unit: unit.carts.purge(_LATE, 9),
    "refunds.add": lambda unit: unit.refunds.add(refund("new"), _LIMIT),
    "refunds.move": lambda unit: unit.refunds.move(_DENIED, set(RefundState)),
    "refunds.expire": lambda unit: unit.refunds.expire(_LATE, 9),
    "subscriptions.add": lambda unit: unit.subscriptions.add(subscription("new", product="book")),
    "subscriptions.replace": lambda unit: unit.subscriptions.replace(_CANCELLED),
    "checkouts.add": lambda unit: unit.checkouts.add(checkout("new")),
    "checkouts.move": lambda unit: unit.checkouts.move(_FAILED, set(CheckoutState)),
    "checkouts.purge": lambda unit: unit.checkouts.purge(_LATE, 9),
    "nonces.add": lambda unit: unit.nonces.add(nonce("new")),
    "nonces.use": lambda unit: unit.nonces.use(DEFAULT, nonce("mine").nonce, "approve", NOW),
    "nonces.purge": lambda unit: unit.nonces.purge(_LATE, 9),
    "answers.start": lambda unit: unit.answers.start(DEFAULT, "new", "request", OURS, NOW, _LATE),
    "answers.complete": lambda unit: unit.answers.complete(DEFAULT, "key", OURS, answer(), _LATE),
    "answers.abandon": lambda unit: unit.answers.abandon(DEFAULT, "key", OURS),
    "answers.purge": lambda unit: unit.answers.purge(_LATE, 9),
    "inbox.receive": lambda unit: unit.inbox.receive(inbound("new")),
    "inbox.apply": lambda unit: unit.inbox.apply(DEFAULT, "stripe", "evt_mine", NOW),
    "inbox.take": lambda unit: unit.inbox.take(OURS, _LATE, _UNTIL, 9),
    "inbox.put_off": lambda unit: unit.inbox.put_off(DEFAULT, "stripe", "evt_mine", "no", NOW),
    "inbox.revive": lambda unit: unit.inbox.revive(DEFAULT, "stripe", "evt_over", NOW),
    "inbox.purge": lambda unit: unit.inbox.purge(_LATE, 9),
    "deliveries.add": lambda unit: unit.deliveries.add(delivery("new")),
    "deliveries.take": lambda unit: unit.deliveries.take(OURS, _LATE, _UNTIL, 9),
    "deliveries.finish": lambda unit: unit.deliveries.finish(_DONE),
    "deliveries.revive": lambda unit: unit.deliveries.revive(DEFAULT, delivery("dead").id, NOW),
    "deliveries.remove": lambda unit: unit.deliveries.remove(DEFAULT, delivery("mine").id),
    "deliveries.purge": lambda unit: unit.deliveries.purge(_LATE, 9),
    "leases.acquire": lambda unit: unit.leases.acquire("new", OURS, NOW, _LATE),
    "leases.give_up": lambda unit: unit.leases.give_up("sweeper", OURS),
    "settings.put": lambda unit: unit.settings.put(DEFAULT, "limit", {"most": 2}, 1, NOW, "admin"),
}

ODD: Final[Mapping[str, Deed]] = {
    "a live payment as an end": lambda unit: unit.payments.settle(_MINE),
    "a live payment as a failure": lambda unit: unit.payments.fail(_MINE, False),
    "another tenant's fact": lambda unit: unit.payments.settle(
        settled(_MINE), [event("new", OTHER)]
    ),
    "another tenant's entry": lambda unit: unit.payments.settle(
        settled(_MINE), (), [entry("new", 1, OTHER)]
    ),
    "an entry of an end that tests": lambda unit: unit.payments.settle(
        settled(_MINE), (), [entry("new", least=0)]
    ),
    "an amendment that lives": lambda unit: unit.payments.amend(_MINE, State.SETTLED),
    "an amendment of what lives": lambda unit: unit.payments.amend(_OVER, State.CLAIMED),
    "a shared total of no chain": lambda unit: unit.tallies.totals(None, ["stock"]),
    "a hold of nothing": lambda unit: unit.ledger.hold(hold("new", 0)),
    "a capture of too much": lambda unit: unit.ledger.capture(DEFAULT, _HELD, entry("new", -11)),
    "a capture for another tenant": lambda unit: unit.ledger.capture(
        DEFAULT, _HELD, entry("new", -5, OTHER)
    ),
    "a refund of another asset": lambda unit: unit.refunds.add(refund("new"), Money(9, EUR)),
    "a refund of nothing": lambda unit: unit.refunds.add(refund("new", 0), _LIMIT),
    "a refund that is over": lambda unit: unit.refunds.add(_DENIED, _LIMIT),
    "a refund of another amount": lambda unit: unit.refunds.move(
        refund("mine", 11), set(RefundState)
    ),
    "a checkout that is over": lambda unit: unit.checkouts.add(_FAILED),
}

LIMITED: Final[Mapping[str, Deed]] = {
    "payments.take_over": lambda unit: unit.payments.take_over(OURS, _LATE, _UNTIL, -1),
    "payments.watch": lambda unit: unit.payments.watch(OURS, _LATE, _UNTIL, -1),
    "payments.newest": lambda unit: unit.payments.newest(DEFAULT, -1),
    "payments.of_payer": lambda unit: unit.payments.of_payer(DEFAULT, _MINE.payer, -1),
    "payments.archive": lambda unit: unit.payments.archive(_LATE, -1),
    "payments.archived": lambda unit: unit.payments.archived(DEFAULT, -1),
    "events.newest": lambda unit: unit.events.newest(DEFAULT, -1),
    "events.unsealed": lambda unit: unit.events.unsealed(-1),
    "events.after": lambda unit: unit.events.after(0, -1),
    "ledger.history": lambda unit: unit.ledger.history(DEFAULT, CREDITS, USDC, -1, None),
    "ledger.balances": lambda unit: unit.ledger.balances(DEFAULT, -1),
    "ledger.expire": lambda unit: unit.ledger.expire(_LATE, -1),
    "carts.purge": lambda unit: unit.carts.purge(_LATE, -1),
    "refunds.listed": lambda unit: unit.refunds.listed(DEFAULT, set(RefundState), -1),
    "refunds.expire": lambda unit: unit.refunds.expire(_LATE, -1),
    "subscriptions.listed": lambda unit: unit.subscriptions.listed(DEFAULT, -1),
    "subscriptions.due": lambda unit: unit.subscriptions.due(_LATE, -1),
    "checkouts.due": lambda unit: unit.checkouts.due(_LATE, -1),
    "checkouts.purge": lambda unit: unit.checkouts.purge(_LATE, -1),
    "nonces.purge": lambda unit: unit.nonces.purge(_LATE, -1),
    "answers.purge": lambda unit: unit.answers.purge(_LATE, -1),
    "inbox.listed": lambda unit: unit.inbox.listed(DEFAULT, set(InboundState), -1),
    "inbox.take": lambda unit: unit.inbox.take(OURS, _LATE, _UNTIL, -1),
    "inbox.purge": lambda unit: unit.inbox.purge(_LATE, -1),
    "deliveries.take": lambda unit: unit.deliveries.take(OURS, _LATE, _UNTIL, -1),
    "deliveries.listed": lambda unit: unit.deliveries.listed(DEFAULT, set(DeliveryState), -1),
    "deliveries.purge": lambda unit: unit.deliveries.purge(_LATE, -1),
}
