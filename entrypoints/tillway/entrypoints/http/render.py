"""How answers look on the wire: JSON, and the one envelope for every error."""

import json
import math
from collections.abc import Mapping
from typing import Final

import orjson
from aiohttp import web

from tillway.core.errors import Code, TillwayError, Unavailable
from tillway.entrypoints.http.statuses import STATUSES

JSON: Final = "application/json"
NEWLINE: Final = orjson.OPT_APPEND_NEWLINE
PAYMENT_REQUIRED: Final = 402
RETRY_SECONDS: Final = 1
"""Retry-After of a service that is away and named no time itself."""


def encode(body: object) -> bytes:
    """Write compact JSON and one newline.

    Text that is no Unicode (a header's stray bytes, echoed) is written with question marks, and
    whole numbers of more than 64 bits as they are: answering never fails for what a client sent.
    """
    try:
        return orjson.dumps(body, option=NEWLINE)
    except orjson.JSONEncodeError:
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return text.encode("utf-8", "replace") + b"\n"


def answer(
    body: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Answer with JSON."""
    return web.Response(body=encode(body), status=status, headers=headers, content_type=JSON)


def status_of(error: TillwayError) -> int:
    """Give the HTTP status, which is a fact of the code alone."""
    return STATUSES[error.code]


def envelope(error: TillwayError) -> dict[str, object]:
    """Write the error as the wire has it; `details` is left out when there are none.

    A hit rate limit also has the flat keys that clients of the Cedros API look for.
    """
    inner: dict[str, object] = {
        "code": error.code.value,
        "message": error.message,
        "retryable": error.retryable,
    }
    if error.details:
        inner["details"] = error.details
    body: dict[str, object] = {"error": inner}
    if error.code is Code.RATE_LIMIT_EXCEEDED:
        body["message"] = error.message
        body["retry_after_seconds"] = retry_after(error) or RETRY_SECONDS
    return body


def refuse(error: TillwayError, headers: Mapping[str, str] | None = None) -> web.Response:
    """Answer with an error: its status, the envelope, and Retry-After where it helps.

    What is wrong with a payment is nothing for a cache to keep: no 402 is stored.
    """
    response = answer(envelope(error), status_of(error), headers)
    if response.status == PAYMENT_REQUIRED:
        response.headers.setdefault("Cache-Control", "no-store")
    seconds = retry_after(error)
    if seconds is not None:
        response.headers["Retry-After"] = str(seconds)
    return response


def retry_after(error: TillwayError) -> int | None:
    """Give the whole seconds after which asking again may help, None if nobody knows."""
    seconds: float | None = getattr(error, "retry_after", None)
    if seconds is not None and math.isfinite(seconds):
        return max(1, math.ceil(seconds))
    return RETRY_SECONDS if error.code is Code.SERVICE_UNAVAILABLE else None


def crashed() -> web.Response:
    """Answer for a mistake of ours: a 500 that says nothing of what is inside."""
    return refuse(Unavailable(Code.INTERNAL_ERROR))
