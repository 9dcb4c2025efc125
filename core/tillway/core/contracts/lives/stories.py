"""All kinds of things that are done on a store, one story after another.

What was acknowledged is said at once: a verb and the name of its story. Amounts go between a few
accounts that all processes share.
"""

import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from attrs import evolve, frozen

from tillway.core.assets import USDC
from tillway.core.contracts.samples import (
    LEASE,
    NOW,
    cart,
    delivery,
    event,
    failed,
    hold,
    inbound,
    nonce,
    payment,
    refund,
    reservation,
    settled,
    unapplied,
)
from tillway.core.errors import Code
from tillway.core.ledger import Account, AccountKind, Entry, EntryKey, Posting
from tillway.core.money import Money
from tillway.core.payments import Failed, Payment, State
from tillway.core.ports.store import NonceUse, Posted, Store
from tillway.core.refunds import Refund, RefundState
from tillway.core.services.books.bookkeeping import entries_of
from tillway.core.tenancy import DEFAULT

HOT: Final = 8
"""How many accounts everybody posts to."""

_ENOUGH: Final = Money(10**9, USDC)


def account(n: int) -> Account:
    """Give one of the accounts that all processes share."""
    return Account(AccountKind.CREDITS, f"user-{n % HOT}")


def transfer(name: str, least: int | None = None) -> Entry:
    """Give an entry that moves money between two shared accounts, chosen by its name."""
    chance = random.Random(name)  # noqa: S311 - no secret
    giver, taker = chance.sample(range(HOT), 2)
    amount = Money(chance.randint(1, 1000), USDC)
    return Entry(
        key=EntryKey(name),
        tenant=DEFAULT,
        at=NOW,
        postings=(
            Posting(account=account(giver), amount=-amount, least=least),
            Posting(account=account(taker), amount=amount),
        ),
    )


def claimed(name: str) -> Payment:
    """Give the claim of a story, which redeems a coupon."""
    return payment(name, owner=name, reservations=(reservation("mixed", 1, None),))


@frozen
class Teller:
    """Does stories on a store, and says what was acknowledged."""

    store: Store

    def say(self, verb: str, name: str) -> None:
        """Say it at once: the next moment may not come."""
        print(f"{verb} {name}", flush=True)

    async def pay(self, name: str) -> None:
        """Claim, and settle with an entry and a fact in one call."""
        claim = await self._claim(name)
        ended = settled(claim)
        async with self.store.begin(once=True) as unit:
            await unit.payments.settle(ended, [event(name)], entries_of(ended))
        self.say("settled", name)

    async def fall_through(self, name: str) -> None:
        """Claim, and fail, which gives back what was reserved."""
        claim = await self._claim(name)
        async with self.store.begin(once=True) as unit:
            await unit.payments.fail(failed(claim), landed=False)
        self.say("failed", name)

    async def turn_back(self, name: str) -> None:
        """Settle for now, then reverse."""
        claim = await self._claim(name)
        ended = evolve(settled(claim), watched=True)
        async with self.store.begin(once=True) as unit:
            await unit.payments.settle(ended, [event(name)], entries_of(ended))
        self.say("settled", name)
        gone = ended.reversed(NOW + LEASE, Failed(code=Code.TRANSACTION_EXPIRED, reason="fork"))
        async with self.store.begin(once=True) as unit:
            await unit.payments.amend(
                gone, State.SETTLED, [event(f"{name}+reversed")], entries_of(gone)
            )
        self.say("reversed", name)

    async def strand(self, name: str) -> None:
        """Book money that buys nothing, with its refund, in one unit."""
        claim = await self._claim(name)
        ended = unapplied(claim)
        async with self.store.begin() as unit:
            await unit.payments.settle(ended, [event(name)], entries_of(ended))
            await unit.refunds.add(self._refund(name), _ENOUGH)
        self.say("unapplied", name)

    async def fill(self, name: str) -> None:
        """Fill a cart, pay it in the commit that settles, and refund it."""
        async with self.store.begin(once=True) as unit:
            await unit.carts.add(cart(name))
        self.say("carted", name)
        claim = await self._claim(name)
        ended = settled(claim)
        async with self.store.begin() as unit:
            await unit.payments.settle(ended, [event(name)], entries_of(ended))
            await unit.carts.pay(DEFAULT, cart(name).id, claim.signature, claim.payer, NOW)
        self.say("cartpaid", name)
        async with self.store.begin(once=True) as unit:
            await unit.refunds.add(self._refund(name), _ENOUGH)
        denied = evolve(self._refund(name), state=RefundState.DENIED)
        async with self.store.begin(once=True) as unit:
            await unit.refunds.move(denied, [RefundState.PENDING])
        self.say("denied", name)

    async def move(self, name: str) -> None:
        """Post between shared accounts, tested and untested."""
        async with self.store.begin(once=True) as unit:
            await unit.ledger.post(transfer(name))
        self.say("posted", name)
        async with self.store.begin(once=True) as unit:
            result = await unit.ledger.post(transfer(f"{name}+tested", least=-(10**6)))
        if isinstance(result, Posted):
            self.say("posted", f"{name}+tested")

    async def keep(self, name: str) -> None:
        """Hold an amount in a shared account, and capture a part of it or let it go."""
        entry = transfer(name)
        giver, amount = entry.postings[0].account, -entry.postings[0].amount
        kept = evolve(hold(name), account=giver, amount=amount * 2)
        async with self.store.begin(once=True) as unit:
            held = await unit.ledger.hold(kept)
        if not held:
            return
        self.say("held", name)
        async with self.store.begin(once=True) as unit:
            if amount.minor % 2:
                await unit.ledger.capture(DEFAULT, kept.id, entry)
            else:
                await unit.ledger.let_go(DEFAULT, kept.id, NOW)
        self.say("captured" if amount.minor % 2 else "released", name)

    async def listen(self, name: str) -> None:
        """Take in an event from outside, apply it once, and send one on."""
        async with self.store.begin(once=True) as unit:
            await unit.inbox.receive(inbound(name))
        self.say("received", name)
        async with self.store.begin() as unit:
            source, told = inbound(name).source, inbound(name).id
            if await unit.inbox.apply(DEFAULT, source, told, NOW):
                await unit.events.append(event(name))
                await unit.deliveries.add(delivery(name))
        self.say("applied", name)

    async def sign(self, name: str) -> None:
        """Use a nonce."""
        once = nonce(name)
        async with self.store.begin(once=True) as unit:
            await unit.nonces.add(once)
        async with self.store.begin(once=True) as unit:
            used = await unit.nonces.use(DEFAULT, once.nonce, once.purpose, NOW)
        if used is NonceUse.USED:
            self.say("used", name)

    async def _claim(self, name: str) -> Payment:
        claim = claimed(name)
        async with self.store.begin(once=True) as unit:
            await unit.payments.claim(claim)
        self.say("claimed", name)
        return claim

    def _refund(self, name: str) -> Refund:
        return evolve(refund(name), purchase=name)

    def stories(self) -> Mapping[str, Callable[[str], Awaitable[None]]]:
        """Give all that can be told."""
        return {
            "pay": self.pay,
            "fall": self.fall_through,
            "turn": self.turn_back,
            "strand": self.strand,
            "fill": self.fill,
            "move": self.move,
            "keep": self.keep,
            "listen": self.listen,
            "sign": self.sign,
        }
