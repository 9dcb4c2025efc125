"""Outermost: nothing leaves as a stack trace, and every mistake of ours is logged with one."""

import logging

from aiohttp import web
from aiohttp.typedefs import Handler

from tillway.entrypoints.http.render import crashed
from tillway.entrypoints.http.request import REQUEST_ID

_log = logging.getLogger(__name__)


@web.middleware
async def recover(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer 500 for what the shell itself failed to answer."""
    try:
        return await handler(request)
    except Exception:
        _log.exception("request %s was not answered", request.get(REQUEST_ID, "without id"))
        return crashed()
