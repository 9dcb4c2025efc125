import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import orjson
import pytest
from aiohttp import web
from attrs import define, field
from solders.signature import Signature

from support.chain import blockhash_of, funded, pay
from support.quick_clock import QuickClock
from support.solana import NOBODY, Wire
from tillway.adapters.x402.answers import Status
from tillway.adapters.x402.confirm import Confirmations, Silence
from tillway.adapters.x402.endpoints import Http
from tillway.adapters.x402.rpc import Rpc
from tillway.adapters.x402.subscriptions import Subscriptions
from tillway.entrypoints.sandbox.chain import Chain, Served

FAR = 10**9
SLOW = 3_000.0
"""Seconds between polls, by our clock, where only a hint can be in time."""


@define
class Line:
    """A WebSocket node that a test plays: what it heard, and how to talk back."""

    url: str = ""
    heard: list[dict[str, Any]] = field(factory=list)
    sockets: list[web.WebSocketResponse] = field(factory=list)

    def subscribed(self) -> list[str]:
        """Give the signatures asked for, in order."""
        return [one["params"][0] for one in self.heard if one["method"] == "signatureSubscribe"]

    async def say(self, message: Any) -> None:
        """Say something on the newest connection."""
        text = message if isinstance(message, str) else orjson.dumps(message).decode()
        await self.sockets[-1].send_str(text)

    async def notify(self, number: int, err: Any = None) -> None:
        """Tell that a subscription's signature has landed."""
        result = {"context": {"slot": 5}, "value": {"err": err}}
        params = {"result": result, "subscription": number}
        await self.say({"jsonrpc": "2.0", "method": "signatureNotification", "params": params})

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Give subscriptions numbers, from 100 on each connection: nodes begin anew too."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        number = 100
        async for message in socket:
            asked = orjson.loads(message.data)
            self.heard.append(asked)
            await self.say({"jsonrpc": "2.0", "id": asked["id"], "result": number})
            number += 1
        return socket


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    played = Line()
    app = web.Application()
    app.router.add_get("/", played.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    played.url = f"ws://127.0.0.1:{runner.addresses[0][1]}/"
    yield played
    await runner.cleanup()


@asynccontextmanager
async def _subscriptions(url: str, clock: QuickClock, **more: Any) -> AsyncIterator[Subscriptions]:
    http = Http()
    made = Subscriptions(http=http, clock=clock, url=url, **more)
    try:
        yield made
    finally:
        await made.aclose()
        await http.aclose()


async def _until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(2):
        while not condition():  # noqa: ASYNC110 - what is waited for happens behind a socket
            await asyncio.sleep(0.002)


class TestHints:
    async def test_a_notification_brings_the_word_long_before_the_next_poll(
        self, first: Served, solana: Rpc, quick_chain: Chain, wire: Wire
    ) -> None:
        """One status request, made on the hint."""
        buyer, seller = funded(quick_chain, 500), funded(quick_chain)
        transaction = pay(buyer, seller.address, 7, blockhash_of(quick_chain))
        clock = QuickClock()
        async with _subscriptions(first.ws_url, clock) as hints:
            confirmations = Confirmations(rpc=solana, clock=clock, hints=hints, interval=SLOW)
            with confirmations.watching(transaction.signatures[0], FAR, SLOW) as word:
                await solana.send(bytes(transaction), skip_preflight=True)
                async with asyncio.timeout(2):
                    assert isinstance(await word, Status)
        assert wire.count("getSignatureStatuses") == 1

    async def test_a_notification_settles_nothing_by_itself(
        self, solana: Rpc, line: Line, quick: QuickClock, wire: Wire
    ) -> None:
        """One that lies, or meant another signature, only costs a request."""
        signature = Signature.new_unique()
        async with _subscriptions(line.url, quick) as hints:
            confirmations = Confirmations(rpc=solana, clock=quick, hints=hints, interval=SLOW)
            with confirmations.watching(signature, FAR, SLOW) as word:
                await _until(lambda: line.subscribed() == [str(signature)])
                await line.notify(100)
                await _until(lambda: wire.count("getSignatureStatuses") == 1)
                await asyncio.sleep(0.05)
                assert not word.done()
            await confirmations.aclose()

    async def test_hints_at_once_share_a_request(
        self, solana: Rpc, line: Line, quick: QuickClock, wire: Wire
    ) -> None:
        """Fifty notifications within ten milliseconds are one question."""
        wanted = [Signature.new_unique() for _ in range(50)]
        async with _subscriptions(line.url, quick) as hints:
            confirmations = Confirmations(rpc=solana, clock=quick, hints=hints, interval=SLOW)
            waits = [asyncio.create_task(confirmations.wait(one, FAR, SLOW)) for one in wanted]
            await _until(lambda: len(line.subscribed()) == 50)
            for number in range(100, 150):
                await line.notify(number)
            await _until(lambda: wire.count("getSignatureStatuses"))
            await asyncio.sleep(0.05)
            assert wire.count("getSignatureStatuses") <= 3
            await confirmations.aclose()
            await asyncio.gather(*waits)

    async def test_a_status_that_no_poll_awaits_is_not_asked_for(
        self, line: Line, quick: QuickClock
    ) -> None:
        """What was forgotten is unsubscribed, and its late notification is dropped."""
        told: list[Signature] = []
        signature, other = Signature.new_unique(), Signature.new_unique()
        async with _subscriptions(line.url, quick) as hints:
            hints.watch(signature, told.append)
            hints.watch(other, told.append)
            await _until(lambda: len(line.heard) == 2)
            hints.forget(signature)
            await _until(lambda: len(line.heard) == 3)
            assert line.heard[-1]["method"] == "signatureUnsubscribe"
            assert line.heard[-1]["params"] == [100]
            await line.notify(100)
            await line.notify(101)
            await _until(lambda: told)
        assert told == [other]


class TestReconnecting:
    async def test_everything_still_watched_is_subscribed_to_anew(
        self, line: Line, quick: QuickClock
    ) -> None:
        """Numbers of the old connection mean nothing on the new one."""
        told: list[Signature] = []
        one, two, three = (Signature.new_unique() for _ in range(3))
        async with _subscriptions(line.url, quick) as hints:
            for signature in (one, two, three):
                hints.watch(signature, told.append)
            await _until(lambda: len(line.heard) == 3)
            hints.forget(one)
            await line.sockets[0].close()
            await _until(lambda: len(line.subscribed()) == 5)
            assert line.subscribed()[3:] == [str(two), str(three)]
            await line.notify(100)
            await _until(lambda: told)
        assert told == [two]

    @pytest.mark.parametrize("noise", ["{", "[]", "7", '{"id": 1}', '{"method": "x"}', '"\\ud800"'])
    async def test_nonsense_on_the_line_harms_nothing(
        self, line: Line, quick: QuickClock, noise: str
    ) -> None:
        """At worst the line is opened again."""
        told: list[Signature] = []
        signature = Signature.new_unique()
        async with _subscriptions(line.url, quick) as hints:
            hints.watch(signature, told.append)
            await _until(lambda: line.heard)
            await line.say(noise)
            noises: list[Any] = [None, [], {}, {"subscription": "100"}, {"subscription": 7}]
            for params in noises:
                await line.say({"method": "signatureNotification", "params": params})
            async with asyncio.timeout(2):
                while not told:
                    await asyncio.sleep(0.02)
                    await _until(lambda: hints.connected)
                    with suppress(ConnectionError):
                        await line.notify(100)
        assert told == [signature]

    async def test_an_idle_line_is_closed_and_opened_again(
        self, line: Line, quick: QuickClock
    ) -> None:
        """No connection is held for nothing."""
        async with _subscriptions(line.url, quick, idle=0.02) as hints:
            hints.watch(Signature.new_unique(), lambda _: None)
            await _until(lambda: line.heard)
            hints.forget(Signature.from_string(line.subscribed()[0]))
            await _until(lambda: not hints.connected)
            hints.watch(Signature.new_unique(), lambda _: None)
            await _until(lambda: len(line.sockets) == 2)


class TestWithout:
    @pytest.mark.parametrize("fault", ["absent", "refuse_pubsub", "mute"])
    async def test_a_dead_line_never_matters(
        self, first: Served, solana: Rpc, quick_chain: Chain, quick: QuickClock, fault: str
    ) -> None:
        """Polling is the base: the word comes all the same."""
        if fault != "absent":
            setattr(first.faults, fault, True)
        url = NOBODY.replace("http", "ws") if fault == "absent" else first.ws_url
        buyer, seller = funded(quick_chain, 500), funded(quick_chain)
        transaction = pay(buyer, seller.address, 7, blockhash_of(quick_chain))
        async with _subscriptions(url, quick) as hints:
            confirmations = Confirmations(rpc=solana, clock=quick, hints=hints)
            await solana.send(bytes(transaction), skip_preflight=True)
            word = await confirmations.wait(transaction.signatures[0], FAR, 60)
        assert isinstance(word, Status)

    async def test_the_address_of_the_line_is_never_logged(
        self, solana: Rpc, quick: QuickClock, caplog: pytest.LogCaptureFixture
    ) -> None:
        """It may hold an API key."""
        caplog.set_level(logging.DEBUG)
        url = f"{NOBODY.replace('http', 'ws')}/secret-8b1"
        async with _subscriptions(url, quick) as hints:
            confirmations = Confirmations(rpc=solana, clock=quick, hints=hints)
            word = await confirmations.wait(Signature.new_unique(), FAR, 5)
            assert "secret-8b1" not in caplog.text + repr(hints)
        assert isinstance(word, Silence)
        assert "the WebSocket to the node failed" in caplog.text
