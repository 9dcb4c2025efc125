"""What a request shows of who sends it: the operator's key, or something that a wallet signed."""

from typing import Final

from aiohttp import web

from tillway.core.errors import Code, Declined
from tillway.core.payments import Word
from tillway.entrypoints.http.config import CONFIG
from tillway.entrypoints.paywall import request as paywall

_SCHEME: Final = "bearer "


def is_admin(request: web.Request) -> bool:
    """Tell whether the operator asks: `Authorization: Bearer <server.admin_api_key>`.

    Compared in constant time. Nobody is the operator by a key where none is set.
    """
    key = request.app[CONFIG].admin_key
    if not key:
        return False
    return key.matches(bearer(request.headers.get("Authorization", "")))


def refuse_all_but_admin(request: web.Request) -> None:
    """Raise Declined (unauthorized) unless the operator asks; it says where no key is set."""
    if is_admin(request):
        return
    if not request.app[CONFIG].admin_key:
        raise Declined(
            Code.UNAUTHORIZED,
            "This needs the operator's key, and server.admin_api_key is not set.",
        )
    raise Declined(Code.UNAUTHORIZED, "This needs the operator's key.")


def bearer(authorization: str) -> str:
    """Give the token of `Bearer <token>`; empty for what is none, which matches no key."""
    named = authorization[: len(_SCHEME)].lower() == _SCHEME
    return authorization[len(_SCHEME) :].strip() if named else ""


def word_in(request: web.Request) -> Word | None:
    """Give the word of a wallet that a request carries, not yet believed; None if it has none."""
    return paywall.word_in(request.headers)
