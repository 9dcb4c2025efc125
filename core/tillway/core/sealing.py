"""The chain that seals the log: each fact of a tenant vouches for all before it.

Whoever changes, removes or inserts a fact has to change every seal after it, and so the head,
which others may know.
"""

import hashlib
import json
from datetime import UTC, datetime, timedelta

from tillway.core.events import Event

_DOMAIN = b"tillway log 1"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def seal_of(before: str, number: int, event: Event) -> str:
    """Give a fact's seal: sha256, in hexadecimal, over the seal before it and all of the fact.

    ``before`` is empty for a tenant's first fact, whose ``number`` is 1.
    """
    micros = (event.at - _EPOCH) // timedelta(microseconds=1)
    parts = (before, str(number), event.tenant, event.id, event.type, str(micros), _json(event))
    digest = hashlib.sha256(_DOMAIN)
    for part in parts:
        encoded = part.encode()
        # Lengths keep two rows of parts from being the same bytes.
        digest.update(len(encoded).to_bytes(8, "big"))
        digest.update(encoded)
    return digest.hexdigest()


def _json(event: Event) -> str:
    return json.dumps(
        event.body, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
