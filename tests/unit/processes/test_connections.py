"""Connections that are too slow are cut off; those that are not are let finish."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from attrs import frozen

from tillway.entrypoints.processes.connections import Connections

SOON = 5.0  # seconds that nothing here should take
LARGE = b"x" * 50_000_000  # more than the system buffers for a connection

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@frozen
class Server:
    """A small server whose connections are watched."""

    port: int
    connections: Connections
    wait: asyncio.Event

    async def connect(self) -> Streams:
        """Open a connection."""
        return await asyncio.open_connection("127.0.0.1", self.port)


@asynccontextmanager
async def served(read: float = SOON, write: float = SOON) -> AsyncIterator[Server]:
    """Serve: `/` at once, `/slow` when the event is set, `/large` with much."""
    wait = asyncio.Event()

    async def here(_: web.Request) -> web.Response:
        return web.Response(text="here")

    async def large(_: web.Request) -> web.Response:
        return web.Response(body=LARGE)

    async def slow(_: web.Request) -> web.Response:
        await wait.wait()
        return web.Response(text="slow")

    async def echo(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    app = web.Application()
    app.router.add_get("/", here)
    app.router.add_get("/large", large)
    app.router.add_get("/slow", slow)
    app.router.add_post("/echo", echo)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    assert runner.server is not None
    connections = Connections(read=read, write=write)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(connections.over(runner.server), "127.0.0.1", 0)
    keeper = asyncio.create_task(connections.keep())
    try:
        yield Server(server.sockets[0].getsockname()[1], connections, wait)
    finally:
        keeper.cancel()
        server.close()
        await runner.cleanup()


async def ended(reader: asyncio.StreamReader) -> bytes:
    """Give what still comes until the connection ends."""
    with contextlib.suppress(ConnectionResetError):
        return await asyncio.wait_for(reader.read(), SOON)
    return b""


async def head(reader: asyncio.StreamReader) -> bytes:
    """Give the head of one answer."""
    return await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), SOON)


class TestReading:
    @pytest.mark.parametrize(
        "begun",
        [
            pytest.param(b"", id="silence"),
            pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\n", id="half a head"),
            pytest.param(
                b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhal", id="half"
            ),
        ],
    )
    async def test_a_request_that_does_not_arrive_is_cut_off(self, begun: bytes) -> None:
        """It may not take a connection for longer than the time to read."""
        async with served(read=0.1) as server:
            reader, writer = await server.connect()
            writer.write(begun)
            assert await ended(reader) == b""
            writer.close()

    async def test_who_sends_on_and_on_is_cut_off_all_the_same(self) -> None:
        """The time counts from the first byte, not from the last."""
        async with served(read=0.2) as server:
            reader, writer = await server.connect()

            async def drip() -> None:
                with contextlib.suppress(ConnectionError):
                    for letter in b"GET / HTTP/1.1\r\nX-Slow: " + b"a" * 1000:
                        writer.write(bytes([letter]))
                        await writer.drain()
                        await asyncio.sleep(0.02)

            dripping = asyncio.create_task(drip())
            assert await ended(reader) == b""
            dripping.cancel()
            writer.close()

    async def test_a_connection_may_rest_between_requests(self) -> None:
        """How long is the idle time's affair."""
        async with served(read=0.1) as server:
            reader, writer = await server.connect()
            for _ in range(2):
                writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                assert b"200 OK" in await head(reader)
                assert await reader.readexactly(4) == b"here"
                await asyncio.sleep(0.3)
            writer.close()

    async def test_an_answer_may_take_longer_than_a_request(self) -> None:
        """Once it has arrived, the time to read no longer counts."""
        async with served(read=0.1) as server:
            reader, writer = await server.connect()
            writer.write(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
            await asyncio.sleep(0.4)
            server.wait.set()
            assert b"200 OK" in await head(reader)
            writer.close()

    async def test_requests_may_follow_each_other_at_once(self) -> None:
        """A client that does not wait for answers gets them in order."""
        async with served(read=0.2) as server:
            reader, writer = await server.connect()
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 20)
            for _ in range(20):
                assert b"200 OK" in await head(reader)
                assert await reader.readexactly(4) == b"here"
            writer.close()


class TestWriting:
    async def test_an_answer_that_is_not_read_is_cut_off(self) -> None:
        """It may not keep memory for longer than the time to write."""
        async with served(write=0.2) as server:
            reader, writer = await server.connect()
            writer.write(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
            await head(reader)
            await asyncio.sleep(0.6)
            assert len(await ended(reader)) < len(LARGE)
            writer.close()

    async def test_an_answer_that_is_not_made_is_cut_off(self) -> None:
        """A handler that hangs does not hold its client."""
        async with served(write=0.2) as server:
            reader, writer = await server.connect()
            writer.write(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
            assert await ended(reader) == b""
            server.wait.set()
            writer.close()

    async def test_who_reads_gets_all_of_a_large_answer(self) -> None:
        """The limit is for those who do not."""
        async with served(write=2) as server:
            reader, writer = await server.connect()
            writer.write(b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            await head(reader)
            assert len(await ended(reader)) == len(LARGE)
            writer.close()


class TestDraining:
    async def drained(self, server: Server, then: Callable[[], None]) -> bool:
        """Drain, and tell whether it waited for what ``then`` does."""
        draining = asyncio.create_task(server.connections.drain())
        await asyncio.sleep(0.1)
        waited = not draining.done()
        then()
        await asyncio.wait_for(draining, SOON)
        return waited

    async def test_nothing_open_needs_no_wait(self) -> None:
        """It ends at once."""
        async with served() as server:
            assert not await self.drained(server, lambda: None)

    @pytest.mark.parametrize("asked", [False, True])
    async def test_idle_connections_are_closed(self, asked: bool) -> None:
        """Whether or not they have ever asked for anything."""
        async with served() as server:
            reader, writer = await server.connect()
            if asked:
                writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                await head(reader)
                await reader.readexactly(4)
            else:
                await asyncio.sleep(0.05)
            assert not await self.drained(server, lambda: None)
            assert await ended(reader) == b""
            writer.close()

    async def test_a_request_in_flight_gets_its_answer(self) -> None:
        """And is told that the connection ends with it."""
        async with served() as server:
            reader, writer = await server.connect()
            writer.write(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
            await asyncio.sleep(0.05)
            assert await self.drained(server, server.wait.set)
            answer = await ended(reader)
            assert b"200 OK" in answer
            assert b"Connection: close" in answer
            assert answer.endswith(b"slow")
            writer.close()

    async def test_a_request_that_is_arriving_gets_its_answer(self) -> None:
        """Half of it is there already."""
        async with served() as server:
            reader, writer = await server.connect()
            writer.write(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nhal")
            await asyncio.sleep(0.05)
            assert await self.drained(server, lambda: writer.write(b"ves"))
            assert (await ended(reader)).endswith(b"halves")
            writer.close()
