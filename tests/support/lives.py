"""A shop at which everything happens at once: buyers, banks and operators, and faults between."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any, Final

from attrs import define, field

from support.chain import Wallet
from support.either_rail import ITEMS, EitherRail
from support.shop import Answer
from tillway.core.payments import Payment, State
from tillway.entrypoints.sandbox.stripe.errors import Refused
from tillway.entrypoints.sandbox.stripe.timing import catch_up

KEY: Final = "an operator's key of some length"
ADMIN: Final = {"Authorization": f"Bearer {KEY}"}
CODES: Final = ("ONCE", "TEN", "TEN", "")
AMOUNTS: Final = (None, 0.1, 0.25, 0.3)
PAUSES: Final = (30, 200, 1_000, 4_000)
OURS: Final = frozenset({"stripe_error", "service_unavailable", "rpc_error", "network_error"})
"""What may be answered with 5xx: somebody else was away."""

RECENT: Final = 8


@define
class Life:
    """What happens by chance, at a shop that takes carts by either rail."""

    shop: EitherRail
    chance: random.Random
    wrong: list[str] = field(factory=list)
    _carts: list[Answer] = field(factory=list)
    _sessions: list[str] = field(factory=list)
    _buyers: list[Wallet] = field(factory=list)

    async def goes_on(self, turns: int, at_once: int) -> None:
        """Have so many things happen at once, so many times."""
        self._buyers = [self.shop.shop.buyer(usdc=10**9, sol=5) for _ in range(4)]
        deeds: Sequence[Callable[[], Awaitable[None]]] = (
            *(self._quotes, self._opens, self._opens, self._opens_for_one),
            *(self._pays_in_tokens, self._pays_in_tokens, self._pays_by_card, self._pays_by_card),
            self._pays_by_card,
            *(self._asks_for_money, self._decides, self._changes_mind, self._fails, self._waits),
        )
        for _ in range(turns):
            await asyncio.gather(*(self.chance.choice(deeds)() for _ in range(at_once)))

    async def ends(self) -> None:
        """Let everything be heard of that happened, and all that waits come to its end."""
        self.shop.stripe.faults.clear()
        services = self.shop.shop.gateway.services
        for hours in (0, 1, 2, 3, 4, 12, 24):
            self.shop.shop.clock.forward(timedelta(hours=hours))
            catch_up(self.shop.stripe.account)
            await self.shop.stripe.delivered()
            await services.incoming.sweep()
            await services.overdue.run()
            await services.refunding.by_provider.sweep()
            await services.finality.sweep()
            await services.sequence.sweep()
        await self.shop.stripe.delivered()

    async def payments(self) -> Sequence[Payment]:
        """Give all payments."""
        return await self.shop.shop.payments()

    # Deeds

    async def _asked(self, path: str, body: object, *, admin: bool = False) -> Answer:
        said = await self.shop.shop.post(path, body, ADMIN if admin else None)
        return self._looked_at(said)

    def _looked_at(self, said: Answer) -> Answer:
        if said.status >= 500 and said.code not in OURS:
            self.wrong.append(f"{said.status} {said.body}")
        return said

    def _cart(self) -> Answer | None:
        return self.chance.choice(self._carts[-RECENT:]) if self._carts else None

    async def _quotes(self) -> None:
        code = self.chance.choice(CODES)
        said = await self._asked("/paywall/v1/cart/quote", {"items": ITEMS, "couponCode": code})
        if said.status == 402:
            self._carts.append(said)

    async def _opens(self) -> None:
        cart = self._cart()
        if cart is not None:
            self._opened(self._looked_at(await self.shop.session(cart)))

    async def _opens_for_one(self) -> None:
        body = {"resource": "plate", "couponCode": self.chance.choice(CODES)}
        self._opened(await self._asked("/paywall/v1/stripe-session", body))

    def _opened(self, said: Answer) -> None:
        if said.status == 200:
            self._sessions.append(said.body["sessionId"])

    async def _pays_in_tokens(self) -> None:
        cart = self._cart()
        if cart is not None:
            raw = self.shop.signed(cart, self.chance.choice(self._buyers))
            self._looked_at(await self.shop.show(cart, raw))

    async def _pays_by_card(self) -> None:
        switches = self.shop.stripe.switches
        others = (switches.pay_slowly, switches.decline, switches.settle)
        ways = (*(switches.pay,) * 4, *others)
        if self._sessions:
            _tried(self.chance.choice(ways), self.chance.choice(self._sessions[-RECENT:]))

    async def _asks_for_money(self) -> None:
        states = (State.SETTLED, State.UNAPPLIED)
        paid = [each for each in await self.payments() if each.state in states]
        by_card = [each.signature for each in paid if each.rail == "stripe"]
        if by_card:
            body: dict[str, Any] = {"originalPurchaseId": self.chance.choice(by_card)}
            body["amount"] = self.chance.choice(AMOUNTS)
            await self._asked("/paywall/v1/refunds/request", body, admin=True)

    async def _decides(self) -> None:
        waiting = await self.shop.refunds()
        if waiting:
            what = self.chance.choice(("approve", "approve", "deny"))
            body = {"refundId": self.chance.choice(waiting).id}
            await self._asked(f"/paywall/v1/refunds/{what}", body, admin=True)

    async def _changes_mind(self) -> None:
        switches, shelves = self.shop.stripe.switches, self.shop.stripe.account.shelves
        won = self.chance.random() < 0.5
        minds: Sequence[tuple[str, Callable[[str], Any]]] = (
            ("payment_intent", switches.dispute),
            ("dispute", lambda id_: switches.close_dispute(id_, won=won)),
            ("refund", switches.fail_refund),
        )
        kind, does = self.chance.choice(minds)
        found = list(shelves.of(kind))
        if found:
            _tried(does, self.chance.choice(found)["id"])

    async def _fails(self) -> None:
        done, kept = self.chance.random() < 0.5, self.chance.random() < 0.5
        kind = self.chance.choice(("http_500", "http_429", "drop"))
        self.shop.stripe.faults.add(kind, times=1, effective=done, remembered=kept)

    async def _waits(self) -> None:
        if self.chance.random() < 0.2:
            self.shop.shop.clock.forward(timedelta(seconds=self.chance.choice(PAUSES)))


def _tried(does: Callable[[str], Any], id_: str) -> None:
    """Do what may be impossible just now."""
    try:
        does(id_)
    except Refused:
        return
