"""What every answer of the gateway must be, whatever was asked."""

import base64
import re
from typing import Any, Final

import orjson

from support.raw_http import Reply, Wire
from tillway.core.codes import Code
from tillway.entrypoints.http.statuses import STATUSES

SLOWEST: Final = 1.0
"""Seconds that an answer may take."""

ATTEMPTS: Final = 3
"""A machine may be busy: an input is slow if it is slow each time."""

REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}")
TYPES: Final = re.compile(r"application/json|text/plain; version=[0-9.]+; charset=utf-8")
PAGE: Final = "text/html; charset=utf-8"
INNARDS: Final = (b"Traceback", b'File "', b"/tillway/", b"Error(", b"aiohttp")


def answered(wire: Wire, raw: bytes) -> Reply:
    """Send a request that is HTTP, hold its answer to the rules, and give it."""
    reply = wire.ask(raw)
    for _ in range(ATTEMPTS - 1):
        if reply.seconds < SLOWEST:
            break
        reply = wire.ask(raw)
    assert reply.seconds < SLOWEST, f"{reply.seconds:.2f} s"
    check(reply)
    return reply


def check(reply: Reply) -> None:
    """Hold an answer to the rules: no 5xx, an id, no sniffing, safe pages, the one envelope."""
    assert reply.status < 500, reply
    assert REQUEST_ID.fullmatch(reply.header("X-Request-ID") or ""), reply
    assert reply.header("X-Content-Type-Options") == "nosniff", reply
    assert reply.header("Server") == "tillway", reply
    if not reply.body:
        return
    if reply.header("Content-Type") == PAGE:
        check_page(reply)
        return
    assert TYPES.fullmatch(reply.header("Content-Type") or ""), reply
    assert not [each for each in INNARDS if each in reply.body], reply
    if reply.status == 402 and b'"accepts"' in reply.body:
        check_challenge(reply)
    elif reply.status >= 400:
        check_error(reply)


def check_page(reply: Reply) -> None:
    """Hold a page for people to its rules: it loads nothing of others and shows no innards."""
    policy = reply.header("Content-Security-Policy") or ""
    assert policy.startswith("default-src 'none'"), reply
    assert "unsafe" not in policy, reply
    assert not [each for each in INNARDS if each in reply.body], reply


def check_error(reply: Reply) -> Any:
    """Hold an error to the envelope, and its status to its code; give what is inside."""
    body = reply.json()
    inner = body["error"]
    assert set(inner) <= {"code", "message", "retryable", "details"}, reply
    assert STATUSES[Code(inner["code"])] == reply.status, reply
    assert isinstance(inner["message"], str), reply
    assert inner["message"], reply
    assert isinstance(inner["retryable"], bool), reply
    assert inner.get("details", {"x": 1}), reply
    return inner


def check_challenge(reply: Reply) -> None:
    """Hold a 402 to x402: offers in the body, the same for version 2 in the header."""
    body = reply.json()
    assert body["x402Version"] in (0, 1), reply
    assert isinstance(body["error"], str), reply
    assert body["accepts"], reply
    assert reply.header("Cache-Control") == "no-store", reply
    header = reply.header("PAYMENT-REQUIRED")
    if header is not None:
        modern = orjson.loads(base64.b64decode(header))
        assert (modern["x402Version"], modern["error"]) == (2, body["error"]), reply
        assert modern["accepts"], reply
