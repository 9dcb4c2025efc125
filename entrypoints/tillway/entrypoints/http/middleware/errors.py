"""Innermost: whatever a handler raises becomes an answer, so that the others see answers only."""

import logging
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from tillway.core.errors import Code, Declined, TillwayError
from tillway.entrypoints.http.render import crashed, refuse, status_of
from tillway.entrypoints.http.request import REQUEST_ID

_log = logging.getLogger(__name__)

_ROUTER: Final = {404: Code.ROUTE_NOT_FOUND, 405: Code.METHOD_NOT_ALLOWED}


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Render what the handler raises."""
    try:
        return await handler(request)
    except TillwayError as error:
        return _refused(error, request)
    except web.HTTPException as error:
        return _routed(error)
    except Exception:
        _log.exception("request %s failed", request.get(REQUEST_ID, "without id"))
        return crashed()


def _refused(error: TillwayError, request: web.Request) -> web.Response:
    if status_of(error) >= 500:
        _log.warning("request %s: %s", request.get(REQUEST_ID, "without id"), error, exc_info=error)
    return refuse(error)


def _routed(error: web.HTTPException) -> web.StreamResponse:
    if error.status == 413:
        return refuse(Declined(Code.PAYLOAD_TOO_LARGE))
    code = _ROUTER.get(error.status)
    if code is None:  # a redirect or the like, raised on purpose
        return _plain(error)
    response = refuse(Declined(code))
    if isinstance(error, web.HTTPMethodNotAllowed):
        response.headers["Allow"] = ", ".join(sorted(error.allowed_methods))
    return response


def _plain(error: web.HTTPException) -> web.Response:
    return web.Response(body=error.body, status=error.status, headers=error.headers)
