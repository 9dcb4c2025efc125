"""What paying for buyers needs of our wallets, and how far it may go."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Final, Protocol

from attrs import define, field, frozen
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from tillway.adapters.x402.config import LAMPORTS_PER_SOL, Sponsoring
from tillway.adapters.x402.programs import written
from tillway.core.money import Money
from tillway.core.ports.clock import Clock
from tillway.core.tenancy import Tenant

SECONDS_PER_HOUR: Final = 3600


class Sponsors(Protocol):
    """Our wallets, by their raw 32-byte addresses."""

    @property
    def addresses(self) -> frozenset[bytes]:
        """All of them, healthy or not."""
        ...

    def next(self) -> bytes | None:
        """Give the next healthy wallet, in turn; None if there is none."""
        ...

    def sign(self, wallet: bytes, message: bytes) -> bytes:
        """Give the wallet's 64-byte signature. KeyError if it is not ours."""
        ...


class HasKeys(Protocol):
    """Our wallets, as they are kept."""

    @property
    def addresses(self) -> Sequence[Pubkey]:
        """All wallets, in the order configured."""
        ...

    def get(self, key: Pubkey) -> Keypair | None:
        """Give the wallet with this address, healthy or not."""
        ...

    def next_address(self) -> Pubkey | None:
        """Give the address of the next healthy wallet, in turn; None if there is none."""
        ...


@frozen
class Signers:
    """Wallets by their raw addresses, which is how transactions name them."""

    wallets: HasKeys = field(repr=False)
    addresses: frozenset[bytes] = field(init=False)

    @addresses.default
    def _addresses(self) -> frozenset[bytes]:
        return frozenset(bytes(key) for key in self.wallets.addresses)

    def next(self) -> bytes | None:
        """Give the next healthy wallet, in turn; None if there is none."""
        address = self.wallets.next_address()
        return None if address is None else bytes(address)

    def sign(self, wallet: bytes, message: bytes) -> bytes:
        """Give the wallet's signature; KeyError if it is not ours."""
        pair = self.wallets.get(Pubkey(wallet))
        if pair is None:
            raise KeyError(written(wallet))
        return bytes(pair.sign_message(message))


def is_worth_sponsoring(price: Money, limits: Sponsoring) -> bool:
    """Tell whether a price is at least the set multiple of the costliest fee.

    True where the price of a SOL is not set, and for what is not worth a dollar a unit: then
    the two cannot be compared.
    """
    if limits.sol_usd is None or not price.asset.usd_pegged:
        return True
    fee = Fraction(limits.most_lamports, LAMPORTS_PER_SOL) * Fraction(limits.sol_usd)
    worth = Fraction(price.minor, 10**price.asset.decimals)
    return worth >= fee * Fraction(limits.minimum_cost_multiple)


@define
class _Hour:
    """One hour's spending by tenant and name, and its names by wallet."""

    number: int
    spent: dict[tuple[Tenant, str], int] = field(factory=dict)
    _names: dict[bytes, str] = field(factory=dict)

    def name_of(self, wallet: bytes) -> str:
        name = self._names.get(wallet)
        if name is None:
            name = self._names[wallet] = f"sponsor:{written(wallet)}:{self.number}"
        return name


@define(kw_only=True)
class Budget:
    """What our wallets have spent this hour, as far as this process knows.

    The store decides, in the claim; this view only keeps offers from promising what the claim
    would refuse. It grows by what is signed here and takes over what the store's totals tell.
    """

    limits: Sponsoring
    clock: Clock
    _latest: _Hour = field(factory=lambda: _Hour(0), init=False)

    @property
    def hour(self) -> int:
        """Number the present hour since 1970."""
        return int(self.clock.now().timestamp()) // SECONDS_PER_HOUR

    def name_of(self, wallet: bytes) -> str:
        """Name the reservation that counts a wallet's lamports in the present hour."""
        return self._present().name_of(wallet)

    def allows(self, tenant: Tenant, wallet: bytes) -> bool:
        """Tell whether the costliest fee still fits."""
        present = self._present()
        spent = present.spent.get((tenant, present.name_of(wallet)), 0)
        return spent + self.limits.most_lamports <= self.limits.lamports_per_hour

    def took(self, tenant: Tenant, name: str, lamports: int) -> None:
        """Add what a signed transaction may cost. One that is never claimed counts all the same."""
        spent = self._present().spent
        spent[tenant, name] = spent.get((tenant, name), 0) + lamports

    def learn(self, tenant: Tenant, totals: Mapping[str, int]) -> None:
        """Take over the store's totals, by name; what it does not name has no claim."""
        spent = self._present().spent
        for owner, name in [key for key in spent if key[0] == tenant]:
            del spent[owner, name]
        spent.update({(tenant, name): total for name, total in totals.items()})

    def _present(self) -> _Hour:
        hour = self.hour
        if self._latest.number != hour:
            self._latest = _Hour(hour)
        return self._latest
