"""Which version of the API a client asks for. There are two names for one behaviour so far."""

from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler
from multidict import istr

from tillway.entrypoints.http.middleware.vary import vary
from tillway.entrypoints.http.request import VERSION

HEADER: Final = istr("X-API-Version")
ACCEPT: Final = istr("Accept")
VARIES: Final = "Accept, X-API-Version"
DEFAULT: Final = "v1"
_NAMES: Final = {"1": "v1", "v1": "v1", "2": "v2", "v2": "v2"}
_VENDOR: Final = "application/vnd.cedros."
_PARAMETER: Final = "version="


@web.middleware
async def version(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Note the version and name it in the answer."""
    headers = request.headers
    found = negotiate(headers.get(HEADER), headers.get(ACCEPT))
    request[VERSION] = found
    response = await handler(request)
    response.headers[HEADER] = found
    vary(response.headers, VARIES)
    return response


def negotiate(header: str | None, accept: str | None) -> str:
    """Choose: X-API-Version, then the vendor type in Accept, then `version=` in it, then v1.

    A name that is not known counts as not given.
    """
    found = _NAMES.get(header.strip().lower()) if header else None
    if found is None and accept and ("vnd" in accept or "=" in accept):
        found = _accepted(accept.lower())
    return found or DEFAULT


def _accepted(accept: str) -> str | None:
    vendor = accept.partition(_VENDOR)[2].partition("+json")[0]
    found = _NAMES.get(vendor.partition(",")[0].strip())
    if found is not None:
        return found
    parameter = accept.partition(_PARAMETER)[2].partition(",")[0].partition(";")[0]
    return _NAMES.get(parameter.strip(' "'))
