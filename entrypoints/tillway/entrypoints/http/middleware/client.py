"""Whose address a request comes from, when proxies stand between."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from tillway.entrypoints.http.request import CLIENT, TRUSTED

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

HEADER: Final = "X-Forwarded-For"
MOST_HOPS: Final = 32
"""Hops that are looked at, from the nearest on: a longer list is nobody's honest path."""


def client(proxies: Sequence[str]) -> Middleware:
    """Note the client's address and whether a proxy that we trust speaks for it.

    Raises ValueError for what is no address or network.
    """
    networks = tuple(ip_network(proxy, strict=False) for proxy in proxies)
    return _behind(networks) if networks else _direct


@web.middleware
async def _direct(request: web.Request, handler: Handler) -> web.StreamResponse:
    request[CLIENT], request[TRUSTED] = request.remote or "", False
    return await handler(request)


def _behind(networks: tuple[Network, ...]) -> Middleware:
    @web.middleware
    async def behind(request: web.Request, handler: Handler) -> web.StreamResponse:
        forwarded = request.headers.getall(HEADER, ())
        request[CLIENT], request[TRUSTED] = seen_from(request.remote or "", forwarded, networks)
        return await handler(request)

    return behind


def seen_from(
    remote: str, forwarded: Iterable[str], networks: tuple[Network, ...]
) -> tuple[str, bool]:
    """Give the client's address, and whether a proxy that we trust speaks for it."""
    peer = _address(remote)
    if peer is not None and _within(peer, networks):
        return nearest(peer, forwarded, networks), True
    return remote, False


def nearest(peer: Address, forwarded: Iterable[str], networks: tuple[Network, ...]) -> str:
    """Give the last address, going from us towards the client, that a trusted proxy vouches for.

    Each proxy appends who spoke to it, so the list is read from its end: what stands before the
    first address that we do not trust was written by that stranger.
    """
    last = peer
    hops = ",".join(forwarded).split(",")[-MOST_HOPS:]
    for hop in reversed(hops):
        text = hop.strip()
        # an IPv6 zone is free text and means nothing beyond its own machine
        found = None if "%" in text else _address(_without_port(text))
        if found is None:
            break
        last = found
        if not _within(found, networks):
            break
    return str(last)


def _address(text: str) -> Address | None:
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def _without_port(text: str) -> str:
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text


def _within(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address in network for network in networks)
