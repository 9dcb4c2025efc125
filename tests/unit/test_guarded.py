import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from attrs import define, field

from tillway.adapters.guarded import CircuitOpen, Guard, Tripping, breaker
from tillway.core.codes import Code
from tillway.core.errors import Declined, Unavailable


@define
class Waits:
    """Wait for nothing, and remember for how long."""

    seconds: list[float] = field(factory=list)

    async def __call__(self, seconds: float) -> None:
        """Wait."""
        self.seconds.append(seconds)


@define
class Failing:
    """Fail with these errors in turn, then answer."""

    errors: list[Exception]
    calls: int = 0

    async def __call__(self) -> str:
        """Answer or fail."""
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


def _away(**more: Any) -> Unavailable:
    return Unavailable(Code.RPC_ERROR, **more)


@pytest.fixture
def waits() -> Waits:
    return Waits()


class TestRetries:
    async def test_only_what_may_be_repeated_is(self, waits: Waits) -> None:
        """A send goes out once, a read up to three times."""
        guard = Guard(sleep=waits)
        once = Failing([_away()])
        with pytest.raises(Unavailable):
            await guard.run("send", once, repeat=False)
        thrice = Failing([_away(), _away()])
        assert await guard.run("read", thrice, repeat=True) == "answer"
        assert (once.calls, thrice.calls, len(waits.seconds)) == (1, 3, 2)

    async def test_an_answer_that_is_a_no_is_not_asked_for_again(self, waits: Waits) -> None:
        """Asking again will not help."""
        declines = Failing([Declined(Code.INVALID_WALLET)])
        with pytest.raises(Declined):
            await Guard(sleep=waits).run("read", declines, repeat=True)
        assert declines.calls == 1

    async def test_the_last_error_is_the_one_told(self, waits: Waits) -> None:
        """Not a retrying library's."""
        errors: list[Exception] = [_away(message=str(number)) for number in range(5)]
        with pytest.raises(Unavailable, match="2"):
            await Guard(sleep=waits).run("read", Failing(errors), repeat=True)

    async def test_waits_as_long_as_it_was_told(self, waits: Waits) -> None:
        """Retry-After counts, and one that is too long ends it."""
        guard = Guard(sleep=waits, longest_wait=2.0)
        await guard.run("read", Failing([_away(retry_after=1.5)]), repeat=True)
        assert waits.seconds == [1.5]
        patient = Failing([_away(retry_after=60.0)])
        with pytest.raises(Unavailable):
            await guard.run("read", patient, repeat=True)
        assert patient.calls == 1

    async def test_waits_stay_within_their_bounds(self, waits: Waits) -> None:
        """At most the longest, however often it fails."""
        guard = Guard(sleep=waits, attempts=12, first_wait=0.1, longest_wait=0.5)
        await guard.run("read", Failing([_away() for _ in range(11)]), repeat=True)
        assert len(waits.seconds) == 11
        assert max(waits.seconds) <= 0.5

    async def test_calls_at_once_do_not_count_for_each_other(self, waits: Waits) -> None:
        """Each has its own attempts."""
        guard = Guard(sleep=waits)
        calls = [Failing([_away(), _away()]) for _ in range(20)]
        answers = await asyncio.gather(*(guard.run("r", call, repeat=True) for call in calls))
        assert set(answers) == {"answer"}


class TestBreaker:
    def _guard(self, waits: Waits, **tripping: Any) -> Guard:
        return Guard(sleep=waits, breaker=breaker("rpc", Tripping(**tripping)))

    async def test_opens_after_failures_in_a_row(self, waits: Waits) -> None:
        """The call that trips it reports its own error; the next one is not made."""
        guard = self._guard(waits, consecutive_failures=3, timeout=60.0)
        for _ in range(3):
            with pytest.raises(Unavailable) as own:
                await guard.run("send", Failing([_away()]), repeat=False)
            assert not isinstance(own.value, CircuitOpen)
        kept = Failing([])
        with pytest.raises(CircuitOpen) as told:
            await guard.run("read", kept, repeat=True)
        assert (kept.calls, told.value.retry_after, waits.seconds) == (0, 60.0, [])

    async def test_never_opens_for_a_no(self, waits: Waits) -> None:
        """Declined is an answer, and so is any other error but Unavailable."""
        guard = self._guard(waits, consecutive_failures=2, min_requests=2)
        errors: list[Callable[[], Exception]] = [
            lambda: Declined(Code.INVALID_WALLET),
            lambda: LookupError("bug"),
        ]
        for make in errors * 4:
            with pytest.raises((Declined, LookupError)):
                await guard.run("read", Failing([make()]), repeat=False)
        assert await guard.run("read", Failing([]), repeat=False) == "answer"

    async def test_opens_on_the_share_of_failures(self, waits: Waits) -> None:
        """Half of ten, though never two in a row."""
        guard = self._guard(waits, consecutive_failures=100, min_requests=10, failure_ratio=0.5)
        for number in range(10):
            errors: list[Exception] = [_away()] if number % 2 else []
            await _whatever(guard.run("send", Failing(errors), repeat=False))
        with pytest.raises(CircuitOpen):
            await guard.run("send", Failing([]), repeat=False)

    async def test_old_requests_do_not_count(self, waits: Waits) -> None:
        """The share is of the last interval."""
        now = 0.0
        tripping = Tripping(consecutive_failures=100, min_requests=4, interval=60.0)
        guard = Guard(sleep=waits, breaker=breaker("rpc", tripping, lambda: now))
        for _ in range(3):
            await _whatever(guard.run("send", Failing([_away()]), repeat=False))
        now = 61.0
        await _whatever(guard.run("send", Failing([_away()]), repeat=False))
        assert await guard.run("send", Failing([]), repeat=False) == "answer"

    async def test_closes_after_calls_that_work(self, waits: Waits) -> None:
        """When its time is over, it lets calls through again."""
        guard = self._guard(waits, consecutive_failures=1, timeout=0.02, max_requests=2)
        await _whatever(guard.run("send", Failing([_away()]), repeat=False))
        await asyncio.sleep(0.03)
        for _ in range(5):
            assert await guard.run("read", Failing([]), repeat=False) == "answer"

    async def test_calls_may_overlap(self, waits: Waits) -> None:
        """Nothing is locked while a call is awaited."""
        guard = self._guard(waits)

        async def slow() -> str:
            await asyncio.sleep(0.02)
            return "answer"

        async with asyncio.timeout(0.5):
            await asyncio.gather(*(guard.run("read", slow, repeat=True) for _ in range(50)))


async def _whatever(call: Awaitable[str]) -> None:
    try:
        await call
    except CircuitOpen:
        raise
    except Unavailable:
        return


class TestObserving:
    async def test_every_call_made_is_told_once(self, waits: Waits) -> None:
        """Operation, time and the error's code."""
        seen: list[tuple[str, float, str | None]] = []
        guard = Guard(sleep=waits, observe=lambda *told: seen.append(told))
        await guard.run("read", Failing([_away()]), repeat=True)
        assert [(name, error) for name, _, error in seen] == [
            ("read", "rpc_error"),
            ("read", None),
        ]
        assert all(seconds >= 0 for _, seconds, _ in seen)
