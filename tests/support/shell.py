"""The HTTP shell alone, served on loopback, with handlers that tests give."""

import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import orjson
from aiohttp import ClientResponse, ClientSession, web
from attrs import field, frozen
from yarl import URL

from tillway.entrypoints.http.app import build_application, server_options
from tillway.entrypoints.http.config import HttpConfig
from tillway.entrypoints.http.render import answer
from tillway.plugins.api import Handler, Route


@frozen
class Client:
    """Somebody who asks."""

    http: ClientSession
    address: str


async def fine(_: web.Request) -> web.StreamResponse:
    """Answer something."""
    return answer({"fine": True})


def route(handler: Handler = fine, path: str = "/thing", method: str = "GET", **more: Any) -> Route:
    """Make a route, named for its method and path."""
    words = path.replace("/", "_").replace("{", "").replace("}", "").replace(".", "_")
    about = {"name": f"{method.lower()}{words}", "summary": "A test's route", "answers": ()}
    return Route(method=method, path=path, handler=handler, **{**about, **more})


@asynccontextmanager
async def shell(*routes: Route, mount: str = "", **config: Any) -> AsyncIterator[Client]:
    """Serve routes, under a path of a host's application if one is given."""
    app = build_application(routes or [route()], config=HttpConfig(**config))
    if mount:
        host = web.Application()
        host.add_subapp(mount, app)
        app = host
    async with serving(app) as client:
        yield client


def listening() -> socket.socket:
    """Listen on a free port of the loopback interface."""
    return socket.create_server(("127.0.0.1", 0))


@asynccontextmanager
async def serving(
    app: web.Application, listener: socket.socket | None = None
) -> AsyncIterator[Client]:
    """Serve an application as production does, where somebody listens already if he is given."""
    runner = web.AppRunner(app, shutdown_timeout=1, **server_options())
    await runner.setup()
    try:
        await web.SockSite(runner, listener or listening()).start()
        address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with ClientSession() as http:
            yield Client(http, address)
    finally:
        await runner.cleanup()


@frozen
class Said:
    """An answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    raw: bytes = field(repr=False)

    @property
    def body(self) -> Any:
        """The JSON that came."""
        return orjson.loads(self.raw)

    @property
    def code(self) -> str:
        """The error's code."""
        return str(self.body["error"]["code"])


async def said(response: ClientResponse) -> Said:
    """Read an answer."""
    async with response:
        return Said(response.status, response.headers, await response.read())


async def ask(client: Client, path: str = "/thing", method: str = "GET", **more: Any) -> Said:
    """Ask for a path and read the answer."""
    url = URL(client.address + path, encoded=True)
    return await said(await client.http.request(method, url, **more))


def names(header: str) -> Sequence[str]:
    """Split a header that lists names."""
    return [name.strip() for name in header.split(",")]
