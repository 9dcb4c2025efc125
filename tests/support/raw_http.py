"""HTTP as bytes: requests that no client library would send, and answers read plainly."""

import socket
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

import orjson
from attrs import define, field, frozen

Header = tuple[bytes, bytes]

PATIENCE: Final = 10.0
"""Seconds after which an answer that does not come is given up."""

QUIET: Final = 0.05
"""Seconds of silence after which a connection that stays open is taken to say no more."""

_BODILESS: Final = (204, 304)


class NoAnswer(Exception):
    """The connection was closed, or fell silent, before an answer was whole."""


@frozen(kw_only=True)
class Reply:
    """An answer. Names of headers are in lower case; a repeated one keeps all its values."""

    status: int
    headers: Mapping[str, tuple[str, ...]]
    body: bytes
    seconds: float = field(eq=False)

    def header(self, name: str) -> str | None:
        """Give the only value of a header, None without one."""
        values = self.headers.get(name.lower(), ())
        assert len(values) < 2, f"{name} is there {len(values)} times"
        return values[0] if values else None

    def json(self) -> Any:
        """Read the body as JSON."""
        return orjson.loads(self.body)


def request(
    method: bytes = b"GET",
    target: bytes = b"/",
    headers: Iterable[Header] = (),
    body: bytes = b"",
) -> bytes:
    """Write a request as it is told, with Host and Content-Length where nobody gave them."""
    every = [*headers]
    given = {name.lower() for name, _ in every}
    if b"host" not in given:
        every.append((b"Host", b"127.0.0.1"))
    if not given & {b"content-length", b"transfer-encoding"} and (body or method == b"POST"):
        every.append((b"Content-Length", str(len(body)).encode()))
    lines = [b" ".join((method, target, b"HTTP/1.1")), *(b": ".join(each) for each in every)]
    return b"\r\n".join((*lines, b"", body))


def chunked(*parts: bytes) -> bytes:
    """Write a body in chunks."""
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (*parts, b""))


@define
class Wire:
    """Talks to one address over sockets of its own."""

    address: tuple[str, int]
    _kept: socket.socket | None = field(default=None, init=False)

    def ask(self, raw: bytes) -> Reply:
        """Send one whole request over a connection that is kept, and give its answer.

        Raises NoAnswer if even a fresh connection brings none.
        """
        if self._kept is not None:
            with suppress(NoAnswer):
                return self._asked(self._kept, raw)
        self.close()
        self._kept = self._connected()
        return self._asked(self._kept, raw)

    def throw(self, raw: bytes) -> list[Reply]:
        """Send anything over a connection of its own; give all whole answers, perhaps none.

        What is no whole request is waited for no longer than ``QUIET``: it has no answer.
        """
        with self._connected() as connection:
            connection.settimeout(QUIET)
            listener = _Listener(connection, head=raw.startswith(b"HEAD "))
            _send(connection, raw)
            replies: list[Reply] = []
            with suppress(NoAnswer):
                while True:
                    replies.append(listener.reply())
            return replies

    def close(self) -> None:
        """Close the kept connection. A repeat does nothing."""
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.close()

    def _asked(self, connection: socket.socket, raw: bytes) -> Reply:
        listener = _Listener(connection, head=raw.startswith(b"HEAD "))
        _send(connection, raw)
        reply = listener.reply()
        if reply.header("connection") == "close":
            self.close()
        return reply

    def _connected(self) -> socket.socket:
        made = socket.create_connection(self.address, PATIENCE)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made


def _send(connection: socket.socket, raw: bytes) -> None:
    # A server may answer and close before it has heard everything.
    with suppress(ConnectionError, TimeoutError):
        connection.sendall(raw)


@define
class _Listener:
    """Reads answers from a connection, timed from when it was made."""

    connection: socket.socket
    head: bool
    _began: float = field(factory=time.perf_counter, init=False)
    _rest: bytes = field(default=b"", init=False)

    def reply(self) -> Reply:
        """Give the next whole answer but for those that announce another; raise NoAnswer."""
        status = 100
        while status < 200:
            status, headers = self._head()
        length = 0 if self.head or status in _BODILESS else _length(headers)
        while len(self._rest) < length:
            self._more()
        body, self._rest = self._rest[:length], self._rest[length:]
        seconds = time.perf_counter() - self._began
        return Reply(status=status, headers=headers, body=body, seconds=seconds)

    def _head(self) -> tuple[int, Mapping[str, tuple[str, ...]]]:
        while b"\r\n\r\n" not in self._rest:
            self._more()
        top, _, self._rest = self._rest.partition(b"\r\n\r\n")
        return _read_head(top)

    def _more(self) -> None:
        try:
            got = self.connection.recv(65536)
        except (ConnectionError, TimeoutError) as error:
            raise NoAnswer(f"{error!r} after {self._rest[:200]!r}") from error
        if not got:
            raise NoAnswer(f"closed after {self._rest[:200]!r}")
        self._rest += got


def _read_head(top: bytes) -> tuple[int, Mapping[str, tuple[str, ...]]]:
    first, *lines = top.decode("latin-1").split("\r\n")
    _, status, _ = first.split(" ", 2)
    headers: defaultdict[str, tuple[str, ...]] = defaultdict(tuple)
    for line in lines:
        name, colon, value = line.partition(":")
        assert colon, line
        headers[name.lower()] += (value.strip(),)
    return int(status), dict(headers)


def _length(headers: Mapping[str, tuple[str, ...]]) -> int:
    # All answers of the gateway name their length.
    (length,) = headers["content-length"]
    return int(length)
