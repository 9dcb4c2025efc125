"""The keys that seal quotes, joined: the same for every process of a store."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from attrs import frozen

from tillway.adapters.sealing import MasterKey, Sealer
from tillway.core.ports.store import QuoteKey, Store
from tillway.core.services.paying.quote import LONGEST_LIFE
from tillway.core.services.paying.quote_keys import Keyring
from tillway.entrypoints.settings.loading import Settings
from tillway.entrypoints.settings.sections import QuoteSettings
from tillway.plugins.context import Context
from tillway.plugins.settings.paywall import PaywallSettings
from tillway.plugins.settings.storage import StorageSettings

CLOCK_SKEW: Final = timedelta(minutes=1)
"""How far the clocks of processes that share a store may differ."""


@frozen(kw_only=True)
class KeyParts:
    """What seals, without keys until processes agree on them."""

    sealer: Sealer
    _keyring: Keyring

    @classmethod
    def of(cls, settings: Settings, context: Context, store: Store) -> "KeyParts":
        """Join them."""
        return cls(
            sealer=Sealer(
                keys=(),
                assets=context.assets,
                now=context.clock.now,
                random=context.random,
                retention=longest_quote(settings) + CLOCK_SKEW,
            ),
            keyring=Keyring(
                store=store,
                configured=settings.section(QuoteSettings).keys,
                random=context.random,
            ),
        )

    async def agree(self) -> None:
        """Take our first key into use, as `Keyring.agree` says."""
        self.sealer.keys = _master_keys(await self._keyring.agree(self.sealer.now()))

    async def follow(self) -> None:
        """Learn what other processes have done to the keys since."""
        self.sealer.keys = _master_keys(await self._keyring.now())


def longest_quote(settings: Settings) -> timedelta:
    """Give for how long any quote is good at most: keys that sealed one are kept so long."""
    storage = settings.section(StorageSettings)
    held = max(storage.cart_quote_ttl, storage.refund_quote_ttl)
    return max(
        settings.section(PaywallSettings).quote_ttl, min(held, timedelta(seconds=LONGEST_LIFE))
    )


def _master_keys(keys: Sequence[QuoteKey]) -> Sequence[MasterKey]:
    return [MasterKey(secret=key.secret, retired_at=key.retired_at) for key in keys if key.secret]
