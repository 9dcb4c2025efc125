"""The cheapest HTTP client that is still one: a connection, one request at a time.

The load has to cost little on a machine where it shares the cores with what it measures. Answers
must have a Content-Length, as those of all servers here do.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Final, Self, cast

from attrs import define, field, frozen

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *([0-9]+)\r\n", re.IGNORECASE)
_END: Final = b"\r\n\r\n"


@frozen
class Answer:
    """What came back, and how many seconds after the request went out."""

    status: int
    head: bytes
    body: bytes
    seconds: float

    def header(self, name: str) -> str | None:
        """Give a header's value; None if it is not there."""
        found = re.search(rb"\r\n" + name.encode() + rb": *([^\r\n]*)", self.head, re.IGNORECASE)
        return found[1].decode() if found else None


Take = Callable[["Line", Answer], None]


@define(eq=False)
class Line(asyncio.Protocol):
    """One connection that is kept. ``take`` gets each answer, ``lost`` the end of it all."""

    take: Take
    lost: Callable[["Line"], None]
    _transport: asyncio.Transport | None = field(default=None, init=False)
    _heard: bytearray = field(factory=bytearray, init=False)
    _needed: int = field(default=0, init=False)
    _sent: float = field(default=0.0, init=False)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be connected."""
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = cast(asyncio.Transport, transport)

    def ask(self, request: bytes) -> None:
        """Send a request; nothing else may be under way."""
        assert self._transport is not None
        self._sent = perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Collect until the answer is whole."""
        self._heard += data
        if not self._needed:
            self._needed = _size_of(self._heard)
        if self._needed and len(self._heard) >= self._needed:
            self.take(self, self._answer())

    def _answer(self) -> Answer:
        raw = bytes(self._heard)
        self._heard.clear()
        self._needed = 0
        head, _, body = raw.partition(_END)
        return Answer(int(head[9:12]), head, body, perf_counter() - self._sent)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell of it."""
        self.lost(self)

    def close(self) -> None:
        """Be done."""
        if self._transport is not None:
            self._transport.abort()

    @classmethod
    async def open(cls, port: int, take: Take, lost: Callable[["Line"], None]) -> Self:
        """Connect to a server on this machine."""
        loop = asyncio.get_running_loop()
        _, line = await loop.create_connection(lambda: cls(take, lost), "127.0.0.1", port)
        return line


def _size_of(heard: bytearray) -> int:
    """Give the size of an answer, from its head; 0 if that is not whole yet."""
    end = heard.find(_END)
    if end < 0:
        return 0
    found = _LENGTH.search(heard, 0, end + 2)
    if found is None:
        raise ValueError("an answer without a length")
    return end + len(_END) + int(found[1])


def request(
    method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b""
) -> bytes:
    """Write a request as clients do that keep their connection."""
    lines = {"Host": "127.0.0.1", "Accept": "*/*", "User-Agent": "bench", **(headers or {})}
    if body:
        lines |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
    text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {path} HTTP/1.1\r\n{text}\r\n".encode() + body
