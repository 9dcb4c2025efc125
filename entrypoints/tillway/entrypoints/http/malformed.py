"""What is no HTTP, or is refused before our middlewares, is answered as everything else is.

aiohttp answers such requests by itself: in plain text, with the client's bytes and the names and
versions of what it is made of, and logs a stack trace for each.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from aiohttp import hdrs, web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong

from tillway.core.errors import Code, Declined
from tillway.core.ids import new_request_id
from tillway.entrypoints.http.middleware import request_id, security
from tillway.entrypoints.http.render import crashed, refuse

UNREADABLE: Final = "The request is not valid HTTP."
UNEXPECTED: Final = "The Expect header asks for what is not known here."

_Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_OF_SERVER: Final = ("handler_cancellation",)
_STRANGERS: Final = (HttpProcessingError, web.RequestPayloadError)


class Protocol(web.RequestHandler):
    """aiohttp's protocol of one connection, with our answers and without their stack traces."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer for what failed outside of our middlewares, and close the connection."""
        super().handle_error(request, status, exc, message)  # logs; raises if it is too late
        response = _bare(_refused(exc))
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log a mistake of ours; those of strangers would let anybody fill the log."""
        error = kw.get("exc_info")
        left = self.transport is None and isinstance(error, ConnectionError)
        if not left and not isinstance(error, _STRANGERS):
            super().log_exception(*args, **kw)


def protocols(
    server: web.Server, loop: asyncio.AbstractEventLoop, options: Mapping[str, Any]
) -> Callable[[], Protocol]:
    """Give what makes protocols for a server that has these options (`app.server_options`)."""
    server.request_handler = _expecting(server.request_handler)
    of_protocol = {name: value for name, value in options.items() if name not in _OF_SERVER}
    return lambda: Protocol(server, loop=loop, **of_protocol)


def _expecting(handler: _Handler) -> _Handler:
    """Refuse what aiohttp would answer with 417, or 500 if it is no Unicode, as we refuse."""

    async def expecting(request: web.BaseRequest) -> web.StreamResponse:
        expected = request.headers.get(hdrs.EXPECT)
        if expected and expected.lower() != "100-continue":
            return _bare(refuse(Declined(Code.INVALID_FIELD, UNEXPECTED, field="Expect")))
        return await handler(request)

    return expecting


def _refused(error: BaseException | None) -> web.Response:
    if isinstance(error, LineTooLong):
        return refuse(Declined(Code.PAYLOAD_TOO_LARGE))
    if isinstance(error, HttpProcessingError):
        return refuse(Declined(Code.INVALID_FIELD, UNREADABLE, field=""))
    return crashed()


def _bare(response: web.Response) -> web.Response:
    """Add what the middlewares would have."""
    response.headers[request_id.HEADER] = new_request_id(secrets.token_bytes)
    response.headers.update(security.fixed(tls=False))
    return response
