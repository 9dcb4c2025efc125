"""Request bodies: from bytes to the attrs class of a route, with every fault named at once.

Names are the wire's and their case counts; `null` is the same as absent; a field that the class
does not know is refused, or ignored by the tolerant faces. Nothing that a client sends raises
anything but Declined.
"""

from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import Final, TypeVar

import orjson
from aiohttp import web
from cattrs import (
    BaseValidationError,
    ClassValidationError,
    Converter,
    ForbiddenExtraKeysError,
    IterableValidationError,
)

from tillway.core.errors import Code, Declined, Fault
from tillway.entrypoints.http.config import CONFIG
from tillway.entrypoints.http.hooks import Missing, Wrong, converter
from tillway.entrypoints.http.request import BODY
from tillway.entrypoints.http.wire import names_of

T = TypeVar("T")

DEEPEST: Final = 32
"""Levels of nesting: no body of ours needs more than a few."""
MOST_PARTS: Final = 10_000
"""Members and items in all: naming what is wrong with each takes time, in which nobody else is
answered."""
MOST_FAULTS: Final = 32
LONGEST_NAME: Final = 64
UNREADABLE: Final = "Invalid request body"


async def body_of(
    request: web.Request,
    kind: type[T],
    *,
    strict: bool = True,
    unreadable: str = UNREADABLE,
    missing: Code = Code.MISSING_FIELD,
) -> T:
    """Read the body as JSON of this attrs class. The content type is not looked at.

    Declined with ``missing`` if all that is wrong is that fields are missing, otherwise with
    `invalid_field`, which for what is no JSON says ``unreadable``; `payload_too_large` as
    `raw_body` says.
    """
    value = parse(await raw_body(request), unreadable)
    return structure(value, kind, strict=strict, missing=missing)


async def raw_body(request: web.Request) -> bytes:
    """Read the raw body; a repeat gives the same bytes.

    What is counted is what comes out of its content encoding. Declined with
    `payload_too_large`, or with `invalid_field` if the encoding or the framing is broken.
    """
    if not request.body_exists:
        return b""
    known = request.get(BODY)
    if known is None:
        known = request[BODY] = await _read(request, request.app[CONFIG].body_bytes)
    return known


async def _read(request: web.Request, most: int) -> bytes:
    content, read = request.content, bytearray()
    try:
        if content.is_eof():  # most bodies arrive with their headers: nothing to wait for
            read += content.read_nowait()
        else:
            async for part in content.iter_any():
                read += part
                if len(read) > most:
                    break
    except (web.RequestPayloadError, ConnectionError) as error:  # or its sender is gone
        raise _unreadable() from error
    if len(read) > most:
        raise Declined(Code.PAYLOAD_TOO_LARGE)
    return bytes(read)


def parse(raw: bytes, unreadable: str = UNREADABLE) -> object:
    """Read JSON; Declined (invalid_field) if it is none, has too many parts or is too deep."""
    if not raw.strip():
        raise Declined(Code.INVALID_FIELD, "Request body is empty", field="")
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise _unreadable(unreadable) from error
    if raw.count(b",") > MOST_PARTS and _crowded(value, MOST_PARTS):
        raise Declined(Code.INVALID_FIELD, "Request body has too many parts", field="")
    if raw.count(b"{") + raw.count(b"[") > DEEPEST and _deeper(value, DEEPEST):
        raise Declined(Code.INVALID_FIELD, "Request body is nested too deeply", field="")
    return value


def structure(
    value: object, kind: type[T], *, strict: bool = True, missing: Code = Code.MISSING_FIELD
) -> T:
    """Turn parsed JSON into an instance; Declined as `body_of` says."""
    made = _converter(strict)
    try:
        return made.structure(value, kind)
    except BaseValidationError as error:
        found = tuple(islice(_faults(error, ""), MOST_FAULTS))
        _release(error)
        raise _declined(found, missing) from error
    except (Wrong, TypeError, ValueError) as error:
        raise _unreadable() from error


def _release(error: BaseException) -> None:
    """Let go of the body: cattrs keeps errors in frames that the errors keep, a cycle."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            _release(inner)
            inner.__traceback__ = None


@cache
def _converter(strict: bool) -> Converter:
    return converter(strict=strict)


def _unreadable(text: str = UNREADABLE) -> Declined:
    return Declined(Code.INVALID_FIELD, text, field="")


def _crowded(value: object, most: int) -> bool:
    left = [value]
    while left and most >= 0:
        part = left.pop()
        if isinstance(part, dict | list):
            most -= len(part)
            left.extend(part.values() if isinstance(part, dict) else part)
    return most < 0


def _deeper(value: object, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    if levels == 0:
        return True
    inner = value.values() if isinstance(value, dict) else value
    return any(_deeper(part, levels - 1) for part in inner)


def _declined(found: tuple[tuple[Fault, bool], ...], missing: Code) -> Declined:
    all_absent = all(absent for _, absent in found)
    faults = [fault for fault, _ in found]
    return Declined.for_faults(faults, missing if all_absent else Code.INVALID_FIELD)


def _faults(error: BaseException, path: str) -> Iterator[tuple[Fault, bool]]:
    """Name the faults in an error of cattrs, each with whether it is a missing field."""
    match error:
        case ClassValidationError():
            yield from _class_faults(error, path)
        case IterableValidationError():
            for inner, note in error.group_exceptions()[0]:
                step = f"[{note.index}]" if isinstance(note.index, int) else f".{note.index}"
                yield from _faults(inner, path + step[: LONGEST_NAME + 2])
        case Missing():
            yield Fault(field=path, message=str(error) or f"{path} is required"), True
        case Wrong():
            yield Fault(field=path, message=f"{path or 'request body'} {error}"), False
        case _:
            yield Fault(field=path, message=f"{path or 'request body'} is not valid"), False


def _class_faults(error: ClassValidationError, path: str) -> Iterator[tuple[Fault, bool]]:
    names = names_of(error.cl)
    dot = f"{path}." if path else ""
    of_fields, of_all = error.group_exceptions()
    for inner, note in of_fields:
        yield from _faults(inner, dot + names.get(note.name, note.name))
    for other in of_all:
        if isinstance(other, ForbiddenExtraKeysError):
            for name in sorted(other.extra_fields):
                yield _unknown(dot + name[:LONGEST_NAME]), False
        else:
            yield from _faults(other, path)


def _unknown(name: str) -> Fault:
    return Fault(field=name, message=f"unknown field {name}")
