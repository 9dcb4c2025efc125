"""A node that answers what a test tells it to, however wrong."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
from aiohttp import web
from attrs import define, field

Answer = Callable[[str, list[Any]], Any]
"""Gives a result from method and parameters, or a whole response, or a coroutine of either."""


@define
class ScriptedNode:
    """Answer every call with what ``answer`` gives, and keep what was asked."""

    answer: Answer
    url: str = ""
    asked: list[tuple[str, list[Any]]] = field(factory=list)

    def count(self, method: str) -> int:
        """Tell how often a method was called."""
        return sum(1 for name, _ in self.asked if name == method)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        call = orjson.loads(await request.read())
        self.asked.append((call["method"], call["params"]))
        result = self.answer(call["method"], call["params"])
        if isinstance(result, Awaitable):
            result = await result
        if isinstance(result, web.StreamResponse):
            return result
        return web.json_response({"jsonrpc": "2.0", "id": call["id"], "result": result})


@asynccontextmanager
async def scripted(answer: Answer, path: str = "/") -> AsyncIterator[ScriptedNode]:
    """Serve a scripted node on a free port."""
    node = ScriptedNode(answer)
    app = web.Application()
    app.router.add_post("/{any:.*}", node.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    node.url = f"http://127.0.0.1:{port}{path}"
    try:
        yield node
    finally:
        await runner.cleanup()
