"""A decoded payment header, given to the dialect of its version."""

from collections.abc import Callable, Mapping
from typing import Final

from tillway.adapters.x402.dialects import v0, v1, v2
from tillway.adapters.x402.dialects.fields import Fields
from tillway.core.assets import Network
from tillway.core.ports.rails import Proof

_Dialect = Callable[[Fields, Network, str], Proof | None]
_DIALECTS: Final[Mapping[int, _Dialect]] = {0: v0.read, 1: v1.read, 2: v2.read}


def read(envelope: Mapping[str, object], network: Network, rail: str) -> Proof | None:
    """Read a payment of any version; None if version, scheme or network is not this rail's.

    A missing version is 0: the oldest server never looked at it. Raises Declined
    (invalid_payment_proof) that names the field at fault.
    """
    version = envelope.get("x402Version")
    if version is None:
        version = 0
    # True equals 1, and 1.0 too: neither is a version.
    if type(version) is not int or version not in _DIALECTS:
        return None
    return _DIALECTS[version](Fields(envelope), network, rail)
