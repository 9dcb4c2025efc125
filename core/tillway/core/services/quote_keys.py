"""Find the keys that seal quotes, so that every process and restart uses the same."""

import hashlib
from collections.abc import Sequence
from datetime import datetime

from tillway.core.ports.clock import Random
from tillway.core.ports.store import QuoteKey, Store
from tillway.core.secrets import Secret

_KEPT = "kept"
_SECRET_BYTES = 32


async def agree_on_keys(
    store: Store, configured: Sequence[Secret], now: datetime, random: Random
) -> Sequence[QuoteKey]:
    """Give all keys with their secrets, the one to seal with first.

    Configured keys come in the operator's order: the first seals, the others are retired from
    the time at which a process first saw them in another place. Without any, a key is made
    once and kept in the store; whichever process writes it first, all read the same.
    A repeat gives the same keys.
    """
    ours = [(_id_of(secret), secret.reveal().encode()) for secret in configured]
    async with store.begin() as unit:
        keys = unit.quote_keys
        if not ours:
            fresh = QuoteKey(id=_KEPT, secret=random(_SECRET_BYTES), retired_at=None)
            await keys.add(fresh)
        for key_id, _ in ours:
            await keys.add(QuoteKey(id=key_id, secret=None, retired_at=None))
        first = ours[0][0] if ours else _KEPT
        await keys.revive(first)
        for known in await keys.all():
            if known.id != first:
                await keys.retire(known.id, now)
        stored = await keys.all()
    return _with_secrets(first, dict(ours), stored)


def _with_secrets(
    first: str, secrets: dict[str, bytes], stored: Sequence[QuoteKey]
) -> Sequence[QuoteKey]:
    known = [
        QuoteKey(id=key.id, secret=key.secret or secrets.get(key.id), retired_at=key.retired_at)
        for key in stored
    ]
    usable = [key for key in known if key.secret is not None]
    return sorted(usable, key=lambda key: key.id != first)


def _id_of(secret: Secret) -> str:
    return hashlib.sha256(b"tillway quote key" + secret.reveal().encode()).hexdigest()[:16]
