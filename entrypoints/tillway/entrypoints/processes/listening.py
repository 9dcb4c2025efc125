"""Sockets to be reached at: for one process, or for several that share a port."""

import errno
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from tillway.entrypoints.processes.failures import CannotStart

Address = tuple[socket.AddressFamily, str]

ALL: Final[Sequence[Address]] = ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::"))  # noqa: S104 - an address without a host means all of them
BACKLOG: Final = 1024
_NOT_HERE: Final = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


def bind(host: str, port: int, *, shared: bool = False) -> Sequence[socket.socket]:
    """Bind to every address of a host, to all of the machine's if it is empty.

    With port 0 the first address gets a free port and the others the same one. ``shared``
    lets other processes of this user bind to it too. Raises CannotStart.
    """
    with _explained(host, port):
        return _bound(_addresses(host), port, shared=shared)


def reserve(host: str, port: int) -> Sequence[socket.socket]:
    """Find out that the port is free and keep it for processes that will share it.

    Nothing is accepted here: a socket that does not listen takes no connections.
    """
    if not hasattr(socket, "SO_REUSEPORT"):
        raise CannotStart("several processes cannot share a port on this system: use one")
    for each in bind(host, port):
        # Another program that shares its ports must not have half of our buyers.
        with each, _explained(host, port):
            each.listen(1)
    return bind(host, port, shared=True)


def port_of(sockets: Sequence[socket.socket]) -> int:
    """Give the port of sockets that share one."""
    return int(sockets[0].getsockname()[1])


def url_of(host: str, port: int) -> str:
    """Write where a server is found, as a browser on this machine would ask for it."""
    shown = host or "0.0.0.0"  # noqa: S104 - shown, not bound
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def _addresses(host: str) -> Sequence[Address]:
    if not host:
        return ALL
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((family, str(place[0])) for family, _, _, _, place in found))


def _bound(addresses: Sequence[Address], port: int, *, shared: bool) -> Sequence[socket.socket]:
    sockets: list[socket.socket] = []
    try:
        for family, place in addresses:
            try:
                sockets.append(_socket(family, place, port, shared=shared))
            except OSError as error:
                # A machine may know an address family and have no address of it.
                if error.errno not in _NOT_HERE or (family, place) == addresses[0]:
                    raise
            port = port or port_of(sockets)
    except BaseException:
        for each in sockets:
            each.close()
        raise
    return sockets


def _socket(family: socket.AddressFamily, place: str, port: int, *, shared: bool) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((place, port))
    except BaseException:
        made.close()
        raise
    made.setblocking(False)
    return made


@contextmanager
def _explained(host: str, port: int) -> Iterator[None]:
    place = f"{host or 'all addresses'}, port {port}"
    try:
        yield
    except socket.gaierror:
        raise CannotStart(f"{host} is no host of this machine: check server.address") from None
    except OSError as error:
        raise CannotStart(f"cannot listen on {place}: {_reason(error)}") from error


def _reason(error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return "the port is in use; stop what uses it, or choose another"
        case errno.EACCES:
            return "ports below 1024 are for the superuser; choose another"
        case errno.EADDRNOTAVAIL:
            return "this machine does not have that address"
        case _:
            return os.strerror(error.errno) if error.errno else str(error)
