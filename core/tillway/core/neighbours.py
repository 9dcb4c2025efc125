"""Who is counted as one, where something is counted by network address."""

from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

_SUBSCRIBER: Final = 64


def neighbours_of(address: str) -> str:
    """Name all that one subscriber has: of IPv6 a whole /64, otherwise the address itself.

    Whatever is no address is a name of its own.
    """
    try:
        known = ip_address(address)
    except ValueError:
        return address
    if not isinstance(known, IPv6Address):
        return str(known)
    if known.ipv4_mapped is not None:
        return str(known.ipv4_mapped)
    return str(ip_network((known.packed, _SUBSCRIBER), strict=False))
