"""By which address we are asked: one of our own, whatever a client calls us.

What a client calls us (Host, X-Forwarded-Host) is the client's word. Whoever writes an address
from it may send a buyer astray, and whoever compares with it takes what was meant for others.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address
from typing import Final, Self
from urllib.parse import urlsplit

from attrs import define, field, frozen

MOST: Final = 64
"""Addresses that one gateway has."""

_HOST: Final = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_ORIGIN: Final = re.compile(rf"(?P<scheme>https?)://(?P<place>{_HOST.pattern})/?", re.IGNORECASE)
_PORTS: Final = {"http": ":80", "https": ":443"}
_HIGHEST_PORT: Final = 65_535


@frozen(kw_only=True)
class Place:
    """Scheme and host under which something was asked: ``https://pay.example.com``.

    ``certain`` tells that the operator says so, and not only the client.
    """

    origin: str
    certain: bool

    def url(self, path: str) -> str:
        """Give the address of a path here. None is elsewhere: our host ends where the path begins.

        Servers hand on paths without a slash, and ``.evil.example/`` behind our name is another's.
        """
        return self.origin + (path if path.startswith("/") else f"/{path}")


@define(kw_only=True)
class Addresses:
    """Our own addresses, the main one first.

    Where there are any, each request was asked at one of them: at the one whose host it names, or
    else at the main one. So probes that ask by a machine's address, and proxies that send a host
    of theirs, are served, and nothing of what they say is repeated. Where there are none, the
    client's word is repeated and certain of nothing, but in ``development`` on this machine.
    """

    own: Sequence[str] = ()
    development: bool = False
    _by_host: Mapping[str, Place] = field(init=False, repr=False)
    _main: Place | None = field(init=False, repr=False)

    @_by_host.default
    def _read_hosts(self) -> Mapping[str, Place]:
        found: dict[str, Place] = {}
        for origin in self.own:
            scheme, _, host = origin.partition("://")
            place = Place(origin=origin, certain=True)
            found.setdefault(host, place)
            found.setdefault(host + _PORTS[scheme], place)
        return found

    @_main.default
    def _first(self) -> Place | None:
        return Place(origin=self.own[0], certain=True) if self.own else None

    @classmethod
    def of(cls, written: str | Iterable[str], *, development: bool = False) -> Self:
        """Read addresses; a text may hold several, with commas between.

        Raises ValueError for what is no scheme and host.
        """
        return cls(own=origins_in(written), development=development)

    def at(self, scheme: str, host: str, headers: Mapping[str, str], *, trusted: bool) -> Place:
        """Tell where something was asked, by what a connection shows.

        ``trusted`` tells that a trusted proxy sent this: its X-Forwarded-Proto and
        X-Forwarded-Host count then, nobody else's.
        """
        if trusted:
            scheme = _nearest(headers, "X-Forwarded-Proto") or scheme
            host = _nearest(headers, "X-Forwarded-Host") or host
        if self._main is not None:
            return self._by_host.get(host.lower(), self._main)
        # A host that cannot be one is `localhost`: no answer carries a stranger's text.
        named = host if _HOST.fullmatch(host) else "localhost"
        origin = f"{'https' if scheme == 'https' else 'http'}://{named}"
        return Place(origin=origin, certain=self.development and _is_here(origin))


def origins_in(written: str | Iterable[str]) -> tuple[str, ...]:
    """Give addresses as browsers write them, each once; ValueError for what is none."""
    parts = written.split(",") if isinstance(written, str) else written
    found = tuple(dict.fromkeys(_origin(part.strip()) for part in parts if part.strip()))
    if len(found) > MOST:
        raise ValueError(f"must be at most {MOST} addresses")
    return found


def _origin(text: str) -> str:
    match = _ORIGIN.fullmatch(text)
    if match is None or not _has_port_in_range(text):
        raise ValueError("must be an address such as https://pay.example.com, without a path")
    scheme, host = match["scheme"].lower(), match["place"].lower()
    return f"{scheme}://{host.removesuffix(_PORTS[scheme])}"


def _has_port_in_range(text: str) -> bool:
    number = text.rstrip("/").rpartition("]")[2].rpartition(":")[2]
    return not number.isdigit() or 0 < int(number) <= _HIGHEST_PORT


def _nearest(headers: Mapping[str, str], name: str) -> str:
    return headers.get(name, "").partition(",")[0].strip()


def _is_here(origin: str) -> bool:
    """Tell whether an address is this machine's own, which nobody else can be asked at."""
    try:
        name = urlsplit(origin).hostname or ""
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False
