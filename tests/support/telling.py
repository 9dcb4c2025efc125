"""A provider whose subscription changes: it tells so in whole seconds, and answers slowly."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from random import Random
from typing import Any

from attrs import define, evolve, field

from support.told import START, S, stands
from tillway.core.errors import Code, Declined, Unavailable
from tillway.core.ports.hosting import (
    HostedSubscription,
    News,
    PlanChange,
    Preview,
    SubscriptionTold,
    Told,
)


@define(kw_only=True)
class Telling:
    """One subscription at a provider. ``away`` and ``refuses`` say how questions are met.

    ``meanwhile`` happens once, between the look at how it stands and the answer.
    """

    chance: Random = field(factory=Random)
    name: str = "stripe"
    method: str = "stripe"
    source: str = "stripe"
    away: bool = False
    refuses: bool = False
    meanwhile: Callable[[], Awaitable[None]] | None = None
    asked: int = 0
    told: list[SubscriptionTold] = field(factory=list)
    standing: HostedSubscription = field(factory=lambda: stands(S.ACTIVE, 0, START).subscription)

    def happen(self, at: datetime, **changes: Any) -> None:
        """Have something become of it, which is told with the second in which it was."""
        self.standing = evolve(self.standing, **changes)
        second = at.replace(microsecond=0)
        self.told.append(SubscriptionTold(subscription=self.standing, at=second))

    async def idle(self, most: int = 12) -> None:
        """Let others go on for a while."""
        for _ in range(self.chance.randrange(most)):
            await asyncio.sleep(0)

    def verify(self, headers: Mapping[str, str], body: bytes) -> Told:
        """Take everything: a body is the number of what is told."""
        at = self.told[int(body)].at
        return Told(id=f"evt_{int(body)}", type="customer.subscription.updated", at=at, body=body)

    def translate(self, body: bytes) -> News:
        """Say what was told."""
        return self.told[int(body)]

    async def subscription(self, subscription: str) -> HostedSubscription | None:
        """Look how it stands, and say so when that is over already, perhaps."""
        self.asked += 1
        await self.idle()
        if self.away:
            raise Unavailable
        if self.refuses:
            raise Declined(Code.STRIPE_ERROR)
        return await self._answered(self.standing)

    async def _answered(self, seen: HostedSubscription) -> HostedSubscription:
        meanwhile, self.meanwhile = self.meanwhile, None
        await self.idle(150)
        if meanwhile is not None:
            await meanwhile()
        return seen

    # It sells nothing else

    async def change(self, change: PlanChange) -> HostedSubscription:
        """Refuse."""
        raise Declined(Code.STRIPE_ERROR)

    async def preview(self, change: PlanChange) -> Preview:
        """Refuse."""
        raise Declined(Code.STRIPE_ERROR)

    async def cancel(
        self, subscription: str, *, at_period_end: bool, key: str
    ) -> HostedSubscription:
        """End whatever is named, unless it ``refuses``."""
        self.asked += 1
        if self.refuses:
            raise Declined(Code.STRIPE_ERROR)
        if at_period_end:
            self.standing = evolve(self.standing, cancel_at_period_end=True)
            return await self._answered(self.standing)
        over = self.standing.period_start
        return evolve(self.standing, id=subscription, state=S.CANCELLED, ended_at=over)

    async def reactivate(self, subscription: str, *, key: str) -> HostedSubscription:
        """Refuse."""
        raise Declined(Code.STRIPE_ERROR)

    async def portal(self, customer: str, return_url: str) -> str:
        """Refuse."""
        raise Declined(Code.STRIPE_ERROR)
