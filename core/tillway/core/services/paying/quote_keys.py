"""Find the keys that seal quotes, so that every process and restart uses the same.

A key that has sealed leaves a mark in the store beside itself. Only a marked key can retire: one
that is announced in second place, before it is used, opens from the start and for as long as
it is configured.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime

from attrs import define, evolve, field

from tillway.core.ports.clock import Random
from tillway.core.ports.store import QuoteKey, Store
from tillway.core.secrets import Secret

_KEPT = "kept"
_USED = "used:"
_SECRET_BYTES = 32


def _secret_of(secret: Secret) -> tuple[str, bytes]:
    text = secret.reveal().encode()
    return hashlib.sha256(b"tillway quote key" + text).hexdigest()[:16], text


@define(kw_only=True)
class Keyring:
    """Agree with all processes of a store on the keys.

    ``configured`` are the operator's keys in his order: the first seals, all open. Without any,
    a key is made once and kept in the store; whichever process writes it first, all read it.
    """

    store: Store
    configured: Sequence[Secret] = field(repr=False)
    random: Random = field(repr=False)

    async def agree(self, now: datetime) -> Sequence[QuoteKey]:
        """Take our first key into use, retire those that were used before it, and give all.

        For the start of a process. A repeat changes nothing and gives the same.
        """
        first, secrets = self._first(), dict(map(_secret_of, self.configured))
        async with self.store.begin() as unit:
            keys = unit.quote_keys
            if first == _KEPT:
                await keys.add(_key(_KEPT, self.random(_SECRET_BYTES)))
            for key_id in secrets:
                await keys.add(_key(key_id))
            await keys.add(_key(_USED + first))
            await keys.revive(first)
            stored = await keys.all()
            for known in stored:
                if known.id != first and _is_used(known, stored):
                    await keys.retire(known.id, now)
            return self._usable(await keys.all())

    async def now(self) -> Sequence[QuoteKey]:
        """Give all keys as they stand now, written by whichever process; writes nothing."""
        async with self.store.view() as view:
            return self._usable(await view.quote_keys.all())

    def _first(self) -> str:
        return _secret_of(self.configured[0])[0] if self.configured else _KEPT

    def _usable(self, stored: Sequence[QuoteKey]) -> Sequence[QuoteKey]:
        """Give the keys whose secret is known here, the one to seal with first.

        That is the one in use, whoever took it into use; failing that, our own first.
        """
        secrets = dict(map(_secret_of, self.configured))
        known = [evolve(key, secret=key.secret or secrets.get(key.id)) for key in stored]
        usable = [key for key in known if key.secret is not None]
        return sorted(usable, key=lambda key: self._rank(key, stored))

    def _rank(self, key: QuoteKey, stored: Sequence[QuoteKey]) -> tuple[bool, bool]:
        in_use = key.retired_at is None and _is_used(key, stored)
        return not in_use, key.id != self._first()


def _key(key_id: str, secret: bytes | None = None) -> QuoteKey:
    return QuoteKey(id=key_id, secret=secret, retired_at=None)


def _is_used(key: QuoteKey, stored: Sequence[QuoteKey]) -> bool:
    return any(other.id == _USED + key.id for other in stored)
