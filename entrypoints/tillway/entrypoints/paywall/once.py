"""A handler behind the paywall runs once a payment; a repeat gets its answer again.

The right to run it is taken in the store before it runs and written off when it has answered. A
run that ends in an error has delivered nothing, so that a repeat runs it again: whoever has paid
gets the thing. What is too large to be kept is answered on a repeat with the grant alone.
"""

import asyncio
import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from attrs import define, frozen

from tillway.core.errors import Code, Declined, TillwayError, Unavailable
from tillway.core.ports.clock import Clock
from tillway.core.ports.store import Answer, Mismatch, Running, Started, Store
from tillway.core.services.paying.leases import Leases
from tillway.core.tenancy import Tenant
from tillway.entrypoints.http.render import JSON, encode
from tillway.entrypoints.paywall.core import Admitted

KEPT_BYTES: Final = 256 * 1024
"""The longest answer that is kept to be given again."""

RUN: Final = timedelta(minutes=5)
"""How long a handler may run before a repeat takes it for dead and runs it again."""

WAIT: Final = 30.0
"""Seconds that a repeat waits for the run of the first request."""

_LEFT_OUT: Final = frozenset(
    {
        "connection",
        "content-length",
        "date",
        "keep-alive",
        "server",
        "set-cookie",
        "transfer-encoding",
    }
)
"""Headers of one exchange, which are not given again."""

_NOTHING_DELIVERED: Final = 400
_RETRY_AFTER: Final = 2.0

_log = logging.getLogger(__name__)


@frozen(kw_only=True)
class Turn:
    """The right to run a handler for a payment: to be ended one way or the other."""

    once: "Once"
    admitted: Admitted
    tenant: Tenant
    key: str
    owner: str

    async def answered(self, status: int, headers: Mapping[str, str], body: bytes | None) -> None:
        """Keep what the handler has answered; ``body`` None for what cannot be kept.

        An error is not kept, and gives the turn up.
        """
        if status >= _NOTHING_DELIVERED:
            await self.give_up()
            return
        if body is None or len(body) > KEPT_BYTES:
            status, headers, body = 200, {"Content-Type": JSON}, encode(self.admitted.grant)
        await self.once.keep(self, Answer(status=status, headers=_kept(headers), body=body))

    async def give_up(self) -> None:
        """Let a repeat run the handler."""
        await self.once.forget(self)


@define(kw_only=True)
class Once:
    """Gives turns. Of all that ask for a payment, under any race, one gets it."""

    store: Store
    clock: Clock
    leases: Leases
    run: timedelta = RUN
    wait: float = WAIT

    async def turn(self, admitted: Admitted) -> Turn | Answer | None:
        """Give the turn, or the answer of the one who had it; None where there are no turns.

        Waits for one that runs. Raises Declined (payment_already_used) for another request than
        the first, Unavailable if that has not answered in time.
        """
        payment = admitted.payment
        if payment is None:
            return None
        key, owner = f"paywall:{payment.chain}:{payment.key}", self.leases.new_owner()
        turn = Turn(once=self, admitted=admitted, tenant=payment.tenant, key=key, owner=owner)
        waited, pause = 0.0, 0.05
        while (found := await self._started(turn)) is None:
            if waited >= self.wait:
                raise Unavailable(retry_after=_RETRY_AFTER)
            await asyncio.sleep(pause)
            waited, pause = waited + pause, min(pause * 1.5, 1.0)
        return found

    async def _started(self, turn: Turn) -> Turn | Answer | None:
        now = self.clock.now()
        async with self.store.begin(once=True) as unit:
            found = await unit.answers.start(
                turn.tenant, turn.key, turn.admitted.request, turn.owner, now, now + self.run
            )
        if isinstance(found, Started):
            return turn
        if isinstance(found, Running):
            return None
        if isinstance(found, Mismatch):
            raise Declined(Code.PAYMENT_ALREADY_USED)
        return found.answer

    async def keep(self, turn: Turn, answer: Answer) -> None:
        """Write an answer down. It is given all the same if the store is away: it was paid for."""
        until = turn.admitted.until or self.clock.now()
        try:
            async with self.store.begin(once=True) as unit:
                await unit.answers.complete(turn.tenant, turn.key, turn.owner, answer, until)
        except TillwayError:
            _log.exception("an answer could not be kept; a repeat runs its handler again")

    async def forget(self, turn: Turn) -> None:
        """Give a turn up; one that cannot be given up ends by itself."""
        try:
            async with self.store.begin(once=True) as unit:
                await unit.answers.abandon(turn.tenant, turn.key, turn.owner)
        except TillwayError:
            _log.exception("a turn could not be given up; it ends by itself")


def _kept(headers: Mapping[str, str]) -> Mapping[str, str]:
    return {str(name): value for name, value in headers.items() if name.lower() not in _LEFT_OUT}
