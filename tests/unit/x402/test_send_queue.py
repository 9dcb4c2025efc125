import asyncio

import pytest

from support.manual_clock import ManualClock
from tillway.adapters.x402.queue import Queue


async def _settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


class TestTurns:
    async def test_come_in_order_and_no_closer_than_the_gap(self) -> None:
        """The first is at once."""
        gate = asyncio.Event()
        gate.set()
        clock = _Gated(gate)
        queue, taken = Queue(clock=clock, min_gap=2.0), []

        async def send(name: str) -> None:
            await queue.turn()
            taken.append((name, clock.now()))

        await asyncio.gather(*(send(name) for name in "abcd"))
        began = taken[0][1]
        assert [name for name, _ in taken] == list("abcd")
        assert [(at - began).total_seconds() for _, at in taken] == [0, 2, 4, 6]

    async def test_a_retry_goes_before_all_who_wait(self) -> None:
        """It has waited already."""
        gate = asyncio.Event()
        queue, taken = Queue(clock=_Gated(gate), min_gap=2.0), []

        async def send(name: str, *, first: bool) -> None:
            await queue.turn(first=first)
            taken.append(name)

        sends = [asyncio.create_task(send(name, first=False)) for name in "abc"]
        await _settle()
        sends.append(asyncio.create_task(send("retry", first=True)))
        await _settle()
        gate.set()
        await asyncio.gather(*sends)
        assert taken == ["a", "retry", "b", "c"]

    async def test_retries_keep_their_order_and_let_every_second_turn_to_the_others(self) -> None:
        """However many there are, nobody starves: neither the eldest of them, nor first sends."""
        gate = asyncio.Event()
        queue, taken = Queue(clock=_Gated(gate), min_gap=2.0), []

        async def send(name: str) -> None:
            await queue.turn(first=name.isupper())
            taken.append(name)

        sends = [asyncio.create_task(send(name)) for name in "abcdABCDEF"]
        await _settle()
        gate.set()
        await asyncio.gather(*sends)
        assert "".join(taken) == "AaBbCcDdEF"

    async def test_retries_without_end_hold_up_no_first_send(self) -> None:
        """Each one that is served asks again at once."""
        gate = asyncio.Event()
        gate.set()
        queue, turns = Queue(clock=_Gated(gate), min_gap=2.0), 0

        async def resend() -> None:
            nonlocal turns
            while True:
                await queue.turn(first=True)
                turns += 1

        resending = [asyncio.create_task(resend()) for _ in range(3)]
        await _settle()
        before = turns
        async with asyncio.timeout(1):
            await queue.turn()
        assert turns - before <= 2
        for task in resending:
            task.cancel()
        await asyncio.gather(*resending, return_exceptions=True)

    @pytest.mark.parametrize("back", [0.5, 3_600])
    async def test_a_clock_that_was_set_back_makes_nobody_wait_longer(self, back: float) -> None:
        """The gap is the most that a send waits for."""
        clock = ManualClock()
        queue = Queue(clock=clock, min_gap=2.0)
        await queue.turn()
        clock.move(-back)
        began = clock.now()
        await queue.turn()
        assert (clock.now() - began).total_seconds() == 2.0

    async def test_who_leaves_gives_his_turn_to_the_next(self) -> None:
        """A cancelled wait blocks nobody and uses up no gap."""
        gate = asyncio.Event()
        queue = Queue(clock=_Gated(gate), min_gap=2.0)
        await queue.turn()
        leaving, staying = asyncio.create_task(queue.turn()), asyncio.create_task(queue.turn())
        await _settle()
        leaving.cancel()
        gate.set()
        await staying
        assert leaving.cancelled()

    async def test_without_a_gap_nobody_waits(self) -> None:
        """The default costs nothing."""
        queue = Queue(clock=ManualClock())
        async with asyncio.timeout(1):
            for _ in range(1_000):
                await queue.turn()


class TestPlaces:
    async def test_are_as_many_as_configured(self) -> None:
        """The next one waits until one is free, and in order."""
        queue, running, most, order = Queue(clock=ManualClock(), most_in_flight=2), 0, 0, []

        async def pay(name: int) -> None:
            nonlocal running, most
            async with queue.place():
                order.append(name)
                running += 1
                most = max(most, running)
                await asyncio.sleep(0)
                running -= 1

        await asyncio.gather(*(pay(name) for name in range(10)))
        assert (most, order) == (2, list(range(10)))

    async def test_none_is_lost_by_a_failure(self) -> None:
        """A payment that raises gives its place back."""
        queue = Queue(clock=ManualClock(), most_in_flight=1)
        for _ in range(3):
            try:
                async with queue.place():
                    raise LookupError
            except LookupError:
                continue
        async with asyncio.timeout(1), queue.place():
            pass

    async def test_zero_is_any_number(self) -> None:
        """As in the configuration."""
        queue = Queue(clock=ManualClock(), most_in_flight=0)
        async with queue.place(), queue.place(), queue.place():
            assert queue.most_in_flight == 0


class _Gated(ManualClock):
    """A manual clock whose waits end only when a gate is opened."""

    def __init__(self, gate: asyncio.Event) -> None:
        super().__init__()
        self.gate = gate

    async def sleep(self, seconds: float) -> None:
        """Wait for the gate, let others run, then move on."""
        await self.gate.wait()
        await asyncio.sleep(0)
        await super().sleep(seconds)
