"""The crowd that pays: what it counts, and what it must not count."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from attrs import define, field

from bench.buyers import Paid, measured
from bench.wire import request


@define
class Till:
    """A server that grants after a while, or refuses."""

    port: int = 0
    pause: float = 0.02
    refuses: bool = False
    seen: list[str] = field(factory=list)
    most_at_once: int = 0
    _at_once: int = 0

    async def take(self, taken: web.Request) -> web.Response:
        self.seen.append(taken.headers["X-Payment-Number"])
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        await asyncio.sleep(self.pause)
        self._at_once -= 1
        return web.Response(status=402 if self.refuses else 200, text="no" * self.refuses)


@pytest.fixture
async def till() -> AsyncIterator[Till]:
    made = Till()
    app = web.Application()
    app.router.add_get("/", made.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.port = runner.addresses[0][1]
    yield made
    await runner.cleanup()


def prepared(count: int) -> deque[bytes]:
    """Give requests that can be told apart."""
    return deque(request("GET", "/", {"X-Payment-Number": str(n)}) for n in range(count))


async def pay(till: Till, waiting: deque[bytes], concurrency: int = 4) -> Paid:
    return await measured(waiting, till.port, concurrency, 0.1, 0.4, {})


class TestCrowd:
    async def test_no_payment_is_presented_twice(self, till: Till) -> None:
        """A repeat would be answered for free, and look fast."""
        waiting = prepared(500)
        await pay(till, waiting)
        assert len(set(till.seen)) == len(till.seen) == 500 - len(waiting)

    async def test_so_many_are_under_way_and_no_more(self, till: Till) -> None:
        """Each connection waits for its answer."""
        await pay(till, prepared(500), concurrency=3)
        assert till.most_at_once == 3

    async def test_what_is_counted_came_within_the_window(self, till: Till) -> None:
        """Neither the warm-up nor what ends after the window is part of it."""
        paid = await pay(till, prepared(500))
        assert paid.latency is not None
        assert 0 < paid.count < len(till.seen)
        assert paid.rate == pytest.approx(4 / paid.latency.mean, rel=0.35)
        assert paid.latency.median >= till.pause
        assert (paid.refused, paid.exhausted) == (0, False)

    async def test_refusals_are_no_payments(self, till: Till) -> None:
        """A gateway that refuses everything is not a fast one."""
        till.refuses = True
        paid = await pay(till, prepared(500))
        assert (paid.count, paid.rate, paid.latency) == (0, 0.0, None)
        assert paid.refused > 0
        assert paid.reasons == ("402 no",)

    async def test_running_out_is_told(self, till: Till) -> None:
        """Then the rate was the preparation's and not the gateway's."""
        paid = await pay(till, prepared(10))
        assert paid.exhausted
        assert len(till.seen) == 10

    def test_cost_is_milliseconds_for_each_payment(self) -> None:
        """Of the CPU that a process used within the window."""
        told: dict[str, object] = {
            "count": 50,
            "rate": 10.0,
            "latency": None,
            "cpu": {"gateway": 0.1},
            "others": 0.0,
            "refused": 0,
            "reasons": [],
            "exhausted": False,
        }
        assert Paid.read(told).cost("gateway") == pytest.approx(2.0)
