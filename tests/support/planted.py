"""Errors that are planted into a store, each under the name by which it has to be found."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Final

from attrs import evolve

from tillway.core.assets import USD, USDC, USDT
from tillway.core.carts import Cart
from tillway.core.checkouts import CheckoutState
from tillway.core.contracts.samples.commerce import cart, checkout, refund, subscription
from tillway.core.contracts.samples.payments import (
    LEASE,
    NOW,
    failed,
    payment,
    reservation,
    settled,
    unapplied,
    watched,
)
from tillway.core.contracts.samples.requests import inbound
from tillway.core.disputes import standing, with_standing
from tillway.core.errors import Code
from tillway.core.events import Event
from tillway.core.ids import event_id_of
from tillway.core.ledger import Account, AccountKind, Entry, EntryKey, Posting
from tillway.core.money import Money
from tillway.core.payments import Failed, Payment, Purchase
from tillway.core.ports.store import Store, UnitOfWork
from tillway.core.quotes import Purpose
from tillway.core.refunds import NEVER, UNAPPLIED, Refund, RefundState
from tillway.core.services.books.bookkeeping import entries_of
from tillway.core.services.books.facts import facts_of
from tillway.core.services.reconciling.findings import Kind
from tillway.core.subscriptions import SubscriptionState
from tillway.core.tenancy import DEFAULT

Plant = Callable[[UnitOfWork], Awaitable[None]]

GONE: Final = Failed(code=Code.TRANSACTION_EXPIRED, reason="block height passed")
DAYS: Final = timedelta(days=3)
ON_CHAIN: Final = frozenset(kind for kind in Kind if kind.startswith(("chain-", "arrival-")))
"""What takes a chain to be planted."""

AT_PROVIDER: Final = frozenset(kind for kind in Kind if kind.startswith("provider-"))
"""What takes an account at a provider."""

PLANTS: Final[dict[Kind, Plant]] = {}
"""What is planted, by what has to be found. Nothing else may be found with it."""


def plants(kind: Kind) -> Callable[[Plant], Plant]:
    """Have a function plant this kind of error."""

    def keep(plant: Plant) -> Plant:
        PLANTS[kind] = plant
        return plant

    return keep


async def arrive(
    unit: UnitOfWork,
    ended: Payment,
    facts: Sequence[Event] | None = None,
    entries: Sequence[Entry] | None = None,
) -> None:
    """Claim a payment and end it, with its own facts and entries or with others."""
    await claim(unit, ended)
    told = facts_of(ended) if facts is None else facts
    booked = entries_of(ended) if entries is None else entries
    await unit.payments.settle(ended, told, booked)


async def claim(unit: UnitOfWork, ended: Payment) -> None:
    """Claim what will end like this."""
    live = payment("x")
    await unit.payments.claim(
        evolve(
            ended,
            state=live.state,
            ended_at=None,
            grant=None,
            code=None,
            reason=None,
            slot=None,
            turn=0,
            watched=False,
        )
    )


async def sound(store: Store) -> None:
    """Write one of everything, with nothing wrong about it."""
    async with store.begin() as unit:
        await arrive(unit, settled(payment("sound")))
        await arrive(unit, settled(of_cart("sound-cart")))
        await unit.carts.add(cart("sound"))
        await unit.carts.pay(
            DEFAULT, cart("sound").id, "signature-sound-cart", "payer-wallet", NOW + LEASE
        )
        useless = unapplied(payment("sound-unapplied"))
        await arrive(unit, useless)
        await unit.refunds.add(queued("sound", useless), useless.amount)
        await unit.refunds.add(
            refund("sound-asked", purchase="signature-sound"), Money(50_000, USDC)
        )
        await unit.payments.claim(payment("sound-failed"))
        await unit.payments.fail(failed(payment("sound-failed")), landed=False)
        await reversed_soundly(unit, "sound-reversed")
        await unit.subscriptions.add(subscription("sound"))
        await by_card(unit, "sound-card")
        await refunded(unit, "sound-refunded")
        await unit.checkouts.add(checkout("sound-open"))


def of_cart(name: str, cart_name: str = "sound") -> Payment:
    """Give a claim on a cart."""
    bought = Purchase(tenant=DEFAULT, purpose=Purpose.CART, resource=f"cart_{cart_name}")
    return evolve(payment(name), purchase=bought, amount=Money(120_000, USDC))


def queued(name: str, paid: Payment) -> Refund:
    """Give the refund of what bought nothing."""
    return evolve(
        refund(name, minor=paid.amount.minor, purchase=paid.signature),
        origin=UNAPPLIED,
        expires_at=NEVER,
    )


async def reversed_soundly(unit: UnitOfWork, name: str) -> Payment:
    """Have a payment arrive and be gone again."""
    arrived = watched(payment(name))
    await arrive(unit, arrived)
    gone = arrived.reversed(NOW + 2 * LEASE, GONE)
    await unit.payments.amend(gone, arrived.state, facts_of(gone), entries_of(gone))
    return gone


def card_payment(name: str) -> Payment:
    """Give a claim on money that came by a provider's session."""
    return evolve(
        payment(name),
        rail="stripe",
        method="stripe",
        signature=f"stripe:cs_{name}",
        signed=b"",
        amount=Money(1_000, USD),
    )


async def by_card(
    unit: UnitOfWork, name: str, ended: Payment | None = None, *, paid: bool = True
) -> None:
    """Have a checkout paid."""
    asked = checkout(name, session=f"cs_{name}")
    await unit.checkouts.add(asked)
    if paid:
        done = evolve(asked, state=CheckoutState.PAID, paid_at=NOW, paid_with=f"pi_{name}")
        await unit.checkouts.move(done, [CheckoutState.OPENING])
    await arrive(unit, ended or settled(card_payment(name)))


# A payment by itself


@plants(Kind.PAYMENT_WITHOUT_GRANT)
async def _(unit: UnitOfWork) -> None:
    await arrive(unit, evolve(settled(payment("a")), grant=None))


@plants(Kind.PAYMENT_WITHOUT_END)
async def _(unit: UnitOfWork) -> None:
    await arrive(unit, evolve(settled(payment("a")), ended_at=None))


@plants(Kind.PAYMENT_WITHOUT_REASON)
async def _(unit: UnitOfWork) -> None:
    useless = evolve(unapplied(payment("a")), code=None)
    await arrive(unit, useless)
    await unit.refunds.add(queued("a", useless), useless.amount)


@plants(Kind.PAYMENT_WITHOUT_TURN)
async def _(unit: UnitOfWork) -> None:
    uncounted = evolve(settled(payment("a")), turn=0)
    await arrive(unit, uncounted)


@plants(Kind.PAYMENT_OPEN_TOO_LONG)
async def _(unit: UnitOfWork) -> None:
    await unit.payments.claim(payment("a", created_at=NOW - DAYS, lease_until=NOW - DAYS))


@plants(Kind.PAYMENT_NEVER_FINAL)
async def _(unit: UnitOfWork) -> None:
    old = evolve(watched(payment("a", created_at=NOW - DAYS)), ended_at=NOW - DAYS)
    await arrive(unit, old)


@plants(Kind.PAYMENT_ENDED_BEFORE_ITS_CLAIM)
async def _(unit: UnitOfWork) -> None:
    await arrive(unit, evolve(settled(payment("a")), ended_at=NOW - LEASE))


# Payments and the ledger


@plants(Kind.ENTRY_MISSING)
async def _(unit: UnitOfWork) -> None:
    await arrive(unit, settled(payment("a")), entries=())


def _booked_as(**changes: object) -> Plant:
    async def plant(unit: UnitOfWork) -> None:
        paid = settled(payment("a"))
        await arrive(unit, paid, entries=entries_of(evolve(paid, **changes)))  # type: ignore[arg-type]  # fields by name

    return plant


plants(Kind.ENTRY_AMOUNT)(_booked_as(amount=Money(49_999, USDC)))
plants(Kind.ENTRY_ASSET)(_booked_as(amount=Money(50_000, USDT)))
plants(Kind.ENTRY_WALLET)(_booked_as(pay_to="another-wallet"))
plants(Kind.ENTRY_OWNER)(_booked_as(grant=None))


@plants(Kind.ENTRY_UNFOUNDED)
async def _(unit: UnitOfWork) -> None:
    await unit.payments.claim(payment("a"))
    await unit.payments.fail(failed(payment("a")), landed=False)
    await unit.ledger.post(*entries_of(settled(payment("a"))))


@plants(Kind.ENTRY_WITHOUT_PAYMENT)
async def _(unit: UnitOfWork) -> None:
    await unit.ledger.post(*entries_of(settled(payment("nobody's"))))


def _reversed_as(**changes: object) -> Plant:
    async def plant(unit: UnitOfWork) -> None:
        arrived = watched(payment("a"))
        await arrive(unit, arrived)
        gone = arrived.reversed(NOW + 2 * LEASE, GONE)
        booked = entries_of(evolve(gone, **changes)) if changes else ()  # type: ignore[arg-type]  # fields by name
        await unit.payments.amend(gone, arrived.state, facts_of(gone), booked)

    return plant


plants(Kind.REVERSAL_MISSING)(_reversed_as())
plants(Kind.REVERSAL_AMOUNT)(_reversed_as(amount=Money(40_000, USDC)))


@plants(Kind.REVERSAL_UNFOUNDED)
async def _(unit: UnitOfWork) -> None:
    arrived = watched(payment("a"))
    await arrive(unit, arrived)
    await unit.ledger.post(*entries_of(arrived.reversed(NOW + 2 * LEASE, GONE)))


# Payments and the log


def _told_as(**changes: object) -> Plant:
    async def plant(unit: UnitOfWork) -> None:
        paid = settled(payment("a"))
        told = facts_of(evolve(paid, **changes)) if changes else ()  # type: ignore[arg-type]  # fields by name
        await arrive(unit, paid, facts=told)

    return plant


plants(Kind.FACT_MISSING)(_told_as())
plants(Kind.FACT_AMOUNT)(_told_as(amount=Money(1, USDC)))
plants(Kind.FACT_RESOURCE)(_told_as(purchase=evolve(payment("a").purchase, resource="another")))
plants(Kind.FACT_PAYER)(_told_as(payer="another-wallet"))


@plants(Kind.FACT_WITHOUT_PAYMENT)
async def _(unit: UnitOfWork) -> None:
    for fact in facts_of(settled(payment("nobody's"))):
        await unit.events.append(fact)


@plants(Kind.FACT_UNFOUNDED)
async def _(unit: UnitOfWork) -> None:
    await unit.payments.claim(payment("a"))
    await unit.payments.fail(failed(payment("a")), landed=False)
    for fact in facts_of(settled(payment("a"))):
        await unit.events.append(fact)


# Refunds


@plants(Kind.REFUND_NOT_QUEUED)
async def _(unit: UnitOfWork) -> None:
    await arrive(unit, unapplied(payment("a")))


@plants(Kind.REFUND_WITHOUT_PURCHASE)
async def _(unit: UnitOfWork) -> None:
    await unit.refunds.add(refund("a", purchase="nothing"), Money(10, USDC))


@plants(Kind.REFUND_ASSET)
async def _(unit: UnitOfWork) -> None:
    await arrive(unit, settled(payment("a")))
    other = evolve(refund("a"), amount=Money(10, USDT))
    await unit.refunds.add(other, Money(50_000, USDT))


@plants(Kind.REFUND_RECIPIENT)
async def _(unit: UnitOfWork) -> None:
    await arrive(unit, settled(payment("a")))
    await unit.refunds.add(evolve(refund("a"), recipient="a-thief"), Money(50_000, USDC))


@plants(Kind.REFUND_TOO_MUCH)
async def _(unit: UnitOfWork) -> None:
    await arrive(unit, settled(payment("a")))
    for name in ("one", "two"):
        await unit.refunds.add(refund(name, minor=30_000), Money(60_000, USDC))


@plants(Kind.REFUND_WITHOUT_PROOF)
async def _(unit: UnitOfWork) -> None:
    await arrive(unit, settled(payment("a")))
    await unit.refunds.add(refund("a"), Money(50_000, USDC))
    await unit.refunds.move(evolve(refund("a"), state=RefundState.PROCESSED), [RefundState.PENDING])


@plants(Kind.REFUND_OF_WHAT_BOUGHT)
async def _(unit: UnitOfWork) -> None:
    paid = settled(payment("a"))
    await arrive(unit, paid)
    await unit.refunds.add(queued("a", paid), paid.amount)


def repaying(name: str, minor: int = 100) -> Payment:
    """Give the claim of a proof that pays a refund."""
    bought = Purchase(tenant=DEFAULT, purpose=Purpose.REFUND, resource=f"refund_{name}")
    paid = evolve(payment(name), payer="shop-wallet", pay_to="payer-wallet", purchase=bought)
    return evolve(paid, amount=Money(minor, USDC))


async def refunded(
    unit: UnitOfWork,
    name: str,
    *,
    paying: Payment | None = None,
    booked: int | None = 100,
    told: int | None = 100,
    ends: bool = True,
) -> None:
    """Have a refund of 100 be paid by a proof, and be booked and told; None: it is not."""
    done = evolve(
        refund(name, minor=100, purchase="signature-sound"),
        state=RefundState.PROCESSED,
        processed_at=NOW + LEASE,
        processed_by="shop-wallet",
        signature=f"signature-{name}",
    )
    await unit.refunds.add(evolve(done, state=RefundState.PENDING), Money(50_000, USDC))
    if ends:
        await unit.refunds.move(done, [RefundState.PENDING])
    if paying is None or paying.payer:
        await arrive(unit, settled(paying or repaying(name)))
    if booked is not None:
        await unit.ledger.post(refund_entry(done, booked))
    if told is not None:
        await unit.events.append(refund_fact(done, told))


def refund_entry(done: Refund, minor: int) -> Entry:
    """Book a refund with this amount."""
    wallet, sales = Account(AccountKind.WALLET, "shop-wallet"), Account(AccountKind.SALES, "x402")
    return Entry(
        key=EntryKey(f"refund:{done.id}:{done.signature}:1"),
        tenant=done.tenant,
        at=NOW,
        postings=(
            Posting(account=wallet, amount=Money(minor, USDC)),
            Posting(account=sales, amount=Money(-minor, USDC)),
        ),
    )


def refund_fact(done: Refund, minor: int) -> Event:
    """Tell a refund with this amount."""
    name = "refund.succeeded"
    return Event(
        id=event_id_of(name, done.tenant, done.id, done.signature or "", "1"),
        tenant=done.tenant,
        type=name,
        at=NOW,
        body={"refundId": done.id, "atomicAmount": minor, "token": "USDC"},
    )


@plants(Kind.REFUND_WITHOUT_PAYMENT)
async def _(unit: UnitOfWork) -> None:
    await refunded(unit, "a", paying=evolve(repaying("a"), payer=""))


@plants(Kind.REFUND_PAID_OTHERWISE)
async def _(unit: UnitOfWork) -> None:
    await refunded(unit, "a", paying=repaying("a", 99))


@plants(Kind.REFUND_NOT_BOOKED)
async def _(unit: UnitOfWork) -> None:
    await refunded(unit, "a", booked=None)


@plants(Kind.REFUND_BOOKED_OTHERWISE)
async def _(unit: UnitOfWork) -> None:
    await refunded(unit, "a", booked=99)


@plants(Kind.REFUND_NOT_TOLD)
async def _(unit: UnitOfWork) -> None:
    await refunded(unit, "a", told=None)


@plants(Kind.REFUND_FACT_AMOUNT)
async def _(unit: UnitOfWork) -> None:
    await refunded(unit, "a", told=99)


@plants(Kind.REFUND_ENTRY_UNFOUNDED)
async def _(unit: UnitOfWork) -> None:
    await refunded(unit, "a", ends=False, told=None)


@plants(Kind.REFUND_FACT_UNFOUNDED)
async def _(unit: UnitOfWork) -> None:
    await unit.events.append(refund_fact(refund("gone"), 100))


# Carts


@plants(Kind.CART_MISSING)
async def _(unit: UnitOfWork) -> None:
    await arrive(unit, settled(of_cart("a", "gone")))


@plants(Kind.CART_NOT_PAID)
async def _(unit: UnitOfWork) -> None:
    await unit.carts.add(cart("a"))
    await arrive(unit, settled(of_cart("a", "a")))


async def _paid_cart(unit: UnitOfWork, made: Cart, paid_with: str) -> None:
    await unit.carts.add(made)
    await unit.carts.pay(DEFAULT, made.id, paid_with, "payer-wallet", NOW + LEASE)


@plants(Kind.CART_PAID_OTHERWISE)
async def _(unit: UnitOfWork) -> None:
    await _paid_cart(unit, cart("a"), "signature-other")
    await arrive(unit, settled(of_cart("a", "a")))


@plants(Kind.CART_AMOUNT)
async def _(unit: UnitOfWork) -> None:
    await _paid_cart(unit, evolve(cart("a"), total=Money(120_001, USDC)), "signature-a")
    await arrive(unit, settled(of_cart("a", "a")))


# Checkouts


@plants(Kind.CHECKOUT_MISSING)
async def _(unit: UnitOfWork) -> None:
    await arrive(unit, settled(card_payment("a")))


@plants(Kind.CHECKOUT_NOT_PAID)
async def _(unit: UnitOfWork) -> None:
    await by_card(unit, "a", paid=False)


@plants(Kind.DISPUTE_BOOKED_OTHERWISE)
async def _(unit: UnitOfWork) -> None:
    lost = with_standing(card_payment("a"), "dp_1", standing("lost", NOW, 400))
    await by_card(unit, "a", settled(evolve(card_payment("a"), metadata=lost)))


@plants(Kind.CHECKOUT_AMOUNT)
async def _(unit: UnitOfWork) -> None:
    less = evolve(card_payment("a"), amount=Money(999, USD))
    await by_card(unit, "a", settled(less))


@plants(Kind.CHECKOUT_RESOURCE)
async def _(unit: UnitOfWork) -> None:
    paid = card_payment("a")
    other = evolve(paid, purchase=evolve(paid.purchase, resource="another"))
    await by_card(unit, "a", settled(other))


@plants(Kind.CHECKOUT_OVERDUE)
async def _(unit: UnitOfWork) -> None:
    await unit.checkouts.add(
        evolve(checkout("a"), created_at=NOW - DAYS, expires_at=NOW - DAYS + LEASE)
    )


# What providers tell


@plants(Kind.EVENT_GIVEN_UP)
async def _(unit: UnitOfWork) -> None:
    await unit.inbox.receive(inbound("a"))
    await unit.inbox.put_off(DEFAULT, "stripe", "evt_a", "it cannot be read", None)


@plants(Kind.EVENT_WAITING_TOO_LONG)
async def _(unit: UnitOfWork) -> None:
    old = NOW - DAYS - LEASE
    await unit.inbox.receive(inbound("a", received_at=old))
    await unit.inbox.put_off(DEFAULT, "stripe", "evt_a", "it is not known yet", old + LEASE)


# Subscriptions


@plants(Kind.SUBSCRIPTION_OVERDUE)
async def _(unit: UnitOfWork) -> None:
    late = subscription("a", product="book")
    await unit.subscriptions.add(evolve(late, due_at=NOW - DAYS))


@plants(Kind.SUBSCRIPTION_PERIOD)
async def _(unit: UnitOfWork) -> None:
    odd = subscription("a", product="book")
    await unit.subscriptions.add(evolve(odd, period_end=NOW - LEASE))


@plants(Kind.SUBSCRIPTION_DUE_THOUGH_ENDED)
async def _(unit: UnitOfWork) -> None:
    await unit.subscriptions.add(
        subscription("a", product="book", state=SubscriptionState.CANCELLED)
    )


@plants(Kind.SUBSCRIPTION_WITHOUT_PROVIDER)
async def _(unit: UnitOfWork) -> None:
    await unit.subscriptions.add(
        evolve(subscription("a", product="book"), stripe_subscription=None)
    )


# Coupons


@plants(Kind.COUPON_COUNT)
async def _(unit: UnitOfWork) -> None:
    # A row that says it has used two, of which one was counted.
    used = reservation("coupon:SPRING", limit=None)
    twice = evolve(used, amount=2)
    live = payment("a", reservations=(used,))
    await unit.payments.claim(live)
    await unit.payments.settle(
        settled(evolve(live, reservations=(twice,))),
        facts_of(settled(live)),
        entries_of(settled(live)),
    )
