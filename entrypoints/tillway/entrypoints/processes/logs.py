"""What the log looks like. Only the command line configures it, never an import."""

import logging
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TextIO

import orjson
from aiohttp.http_exceptions import HttpProcessingError
from attrs import has

from tillway.core.secrets import HIDDEN, Secret
from tillway.entrypoints.http.log import FIELDS, LINE
from tillway.entrypoints.settings.schema import fields_of
from tillway.entrypoints.settings.sections import LoggingSettings
from tillway.plugins.rules import hide_url, hide_urls

LEVELS: Final[Mapping[str, int]] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}

SHORTEST_SECRET: Final = 6
"""Shorter ones are too likely to be parts of other words."""

_OTHERS: Final = ("aiohttp", "asyncio", "stripe")
"""What they tell of their normal course is of no use to operators; Stripe's package tells buyers'
addresses too, and what we need of its errors we log ourselves."""


def configure_logging(
    settings: LoggingSettings, secrets: Iterable[str] = (), stream: TextIO | None = None
) -> None:
    """Log to a stream, the error output by default; a repeat replaces what was before.

    ``secrets`` never appear in it, whoever tries to log them.
    """
    level = LEVELS[settings.level]
    shown: logging.Formatter = _Json() if settings.format == "json" else _Console()
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_Hiding(shown, secrets))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    for name in _OTHERS:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    server = logging.getLogger("aiohttp.server")
    server.filters = [each for each in server.filters if each is not _strangers_mistakes]
    server.addFilter(_strangers_mistakes)


def _strangers_mistakes(record: logging.LogRecord) -> bool:
    """Keep what is no HTTP out of the log: anybody could fill it."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError)


def secrets_in(settings: object) -> Iterator[str]:
    """Give all secret texts within settings, however deep, and URLs that may hold a key."""
    if isinstance(settings, Secret):
        yield settings.reveal()
    elif isinstance(settings, Mapping):
        yield from _each(settings.values())
    elif isinstance(settings, tuple | list):
        yield from _each(settings)
    elif has(kind := type(settings)):
        for field in fields_of(kind):
            value = getattr(settings, field.name)
            shown_apart = field.setting.shown in (hide_url, hide_urls)
            yield from _keyed(value) if shown_apart else secrets_in(value)


def _each(values: Iterable[object]) -> Iterator[str]:
    for value in values:
        yield from secrets_in(value)


def _keyed(urls: str | Sequence[str]) -> Iterator[str]:
    for url in [urls] if isinstance(urls, str) else urls:
        if hide_url(url) != url.rstrip("/"):
            yield url


class _Json(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "pid": os.getpid(),
        }
        if record.msg is LINE and isinstance(record.args, tuple):
            entry |= zip(FIELDS, record.args, strict=True)
            entry["message"] = "request completed"
        if record.exc_info:
            entry["error"] = self.formatException(record.exc_info)
        return orjson.dumps(entry, default=str).decode()


class _Console(logging.Formatter):
    """Text for people; the stack of an error follows on lines of its own."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")


class _Hiding(logging.Formatter):
    """Takes secrets out of what another formatter has written."""

    def __init__(self, inner: logging.Formatter, secrets: Iterable[str]) -> None:
        super().__init__()
        self._inner = inner
        long = {form for each in secrets if len(each) >= SHORTEST_SECRET for form in _forms(each)}
        words = map(re.escape, sorted(long, key=len, reverse=True))
        self._secret = re.compile("|".join(words)) if long else None

    def format(self, record: logging.LogRecord) -> str:
        text = self._inner.format(record)
        return self._secret.sub(HIDDEN, text) if self._secret else text


def _forms(secret: str) -> tuple[str, str]:
    """Give a text as it is, and as JSON writes it."""
    return secret, orjson.dumps(secret).decode()[1:-1]


def _time(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
