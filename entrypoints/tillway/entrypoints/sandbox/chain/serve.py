"""Serving a chain: the aiohttp application, and the pair of ports that clients expect."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

from aiohttp import web
from attrs import frozen

from tillway.entrypoints.sandbox.binding import bound_to
from tillway.entrypoints.sandbox.chain.control import Control
from tillway.entrypoints.sandbox.chain.faults import Faults
from tillway.entrypoints.sandbox.chain.node import Node
from tillway.entrypoints.sandbox.chain.pubsub import Hub
from tillway.entrypoints.sandbox.chain.rpc import MAX_BODY, Rpc
from tillway.entrypoints.sandbox.chain.sockets import Sockets
from tillway.entrypoints.sandbox.chain.svm import Chain

NODE: Final = web.AppKey("node", Node)
_ATTEMPTS: Final = 100
_BACKLOG: Final = 1024
_CORS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, GET, OPTIONS",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Max-Age": "86400",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@frozen(kw_only=True)
class Served:
    """Where a chain answers, and the node that answers there."""

    rpc_url: str
    ws_url: str
    node: Node

    @property
    def faults(self) -> Faults:
        """The node's faults."""
        return self.node.faults


def chain_app(chain: Chain, faults: Faults | None = None) -> web.Application:
    """One node of the chain: JSON-RPC on POST /, PubSub on GET /, faults on /_control.

    Several applications may serve one chain, each with its own faults.
    """
    node = Node(chain=chain, faults=faults or Faults())
    hub = Hub(node)
    rpc, sockets = Rpc(node), Sockets(hub)
    control = Control(node, sockets)
    app = web.Application(client_max_size=MAX_BODY)
    app[NODE] = node
    app.add_routes(
        [
            web.post("/", rpc.post),
            web.get("/", _upgraded(sockets.serve)),
            web.options("/", _preflight),
            web.get("/health", _health),
            web.get("/_control", control.show),
            web.post("/_control", control.change),
            web.get("/_control/calls", control.calls),
            web.post("/_control/reset", control.reset),
            web.post("/_control/fund", control.fund),
        ]
    )
    app.on_response_prepare.append(_allow_origins)
    app.on_shutdown.append(_closing(rpc, sockets))
    app.cleanup_ctx.append(_running(hub))
    return app


def _running(hub: Hub) -> Callable[[web.Application], AsyncIterator[None]]:
    async def run(app: web.Application) -> AsyncIterator[None]:
        del app
        hub.open()
        task = asyncio.create_task(hub.run())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        hub.close()

    return run


def _closing(rpc: Rpc, sockets: Sockets) -> Callable[[web.Application], Awaitable[None]]:
    async def close(app: web.Application) -> None:
        del app
        rpc.closing.set()
        await sockets.disconnect()

    return close


def _upgraded(handler: Handler) -> Handler:
    async def upgraded(request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() != "websocket":
            told = "Used HTTP Method is not allowed. POST or OPTIONS is required\n"
            return web.Response(status=405, text=told, headers={"Allow": "POST, OPTIONS"})
        return await handler(request)

    return upgraded


async def _preflight(request: web.Request) -> web.Response:
    del request
    return web.Response(status=204)


async def _health(request: web.Request) -> web.Response:
    del request
    return web.Response(text="ok")


async def _allow_origins(request: web.Request, response: web.StreamResponse) -> None:
    del request
    response.headers.update(_CORS)


@asynccontextmanager
async def serve_chain(
    chain: Chain,
    host: str = "127.0.0.1",
    port: int = 0,
    ws_port: int | None = None,
    faults: Faults | None = None,
) -> AsyncIterator[Served]:
    """Serve one node of the chain, on the RPC port and on the PubSub port beside it.

    Both ports do both. `ws_port` is `port + 1` unless given; port 0 picks a free pair.
    Raises OSError when a port is taken.
    """
    app = chain_app(chain, faults)
    sockets = _pair(host, port, ws_port)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        for each in sockets:
            await web.SockSite(runner, each, backlog=_BACKLOG).start()
        rpc_port, pubsub_port = (each.getsockname()[1] for each in sockets)
        yield Served(
            rpc_url=f"http://{host}:{rpc_port}",
            ws_url=f"ws://{host}:{pubsub_port}",
            node=app[NODE],
        )
    finally:
        await runner.cleanup()


def _pair(host: str, port: int, ws_port: int | None) -> tuple[socket.socket, socket.socket]:
    # A free port's neighbour may be taken: only then is another pair worth trying.
    attempts = 1 if port or ws_port is not None else _ATTEMPTS
    while True:
        attempts -= 1
        first = bound_to(host, port)
        try:
            return first, bound_to(host, _beside(first) if ws_port is None else ws_port)
        except OSError:
            first.close()
            if not attempts:
                raise


def _beside(bound: socket.socket) -> int:
    # Past the last port there is none; 0 then picks any free one.
    return (int(bound.getsockname()[1]) + 1) % 65_536
