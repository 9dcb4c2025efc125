"""A child process: aiohttp handlers that answer the same bytes every time, and nothing else.

They are what quotes are measured against. ``python -m bench.bare FILE``; the file is JSON with
``status``, ``body``, ``headers`` and ``all`` headers by method. ``/bare`` has the former headers,
``/bare/all`` the latter.
"""

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import uvloop
from aiohttp import web

from tillway.entrypoints.http.app import server_options
from tillway.plugins.api import Handler


def application(answers: Mapping[str, Mapping[str, Any]]) -> web.Application:
    """Make an application with two handlers for each method."""
    app = web.Application()
    for method, given in answers.items():
        app.router.add_route(method, "/bare", _handler(given, given["headers"]))
        app.router.add_route(method, "/bare/all", _handler(given, given["all"]))
    return app


def _handler(given: Mapping[str, Any], headers: Mapping[str, str]) -> Handler:
    body, status = given["body"].encode(), given["status"]

    async def handle(request: web.Request) -> web.StreamResponse:
        if request.method == "POST":
            await request.read()
        return web.Response(
            body=body, status=status, headers=headers, content_type="application/json"
        )

    return handle


async def serve(answers: Mapping[str, Mapping[str, Any]]) -> None:
    """Serve on a free port, and tell which, until stopped."""
    runner = web.AppRunner(application(answers), **server_options())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(json.dumps({"port": runner.addresses[0][1]}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(json.loads(Path(sys.argv[1]).read_text())))
