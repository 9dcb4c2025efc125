"""What the rail must be told before it can work: plain values, no settings format."""

from collections.abc import Mapping
from decimal import Decimal

from attrs import field, frozen

from tillway.adapters.x402.networks import CAIP2, V1_NAMES
from tillway.adapters.x402.programs import TOKEN_PROGRAMS, address
from tillway.core.assets import Asset, Network

LAMPORTS_PER_SIGNATURE = 5_000
"""What the chain takes for each signature (solana-fee-structure)."""

MICROLAMPORTS = 1_000_000
LAMPORTS_PER_SOL = 1_000_000_000


def fee(signatures: int, units: int, unit_price: int) -> int:
    """Give the lamports that a transaction costs; ``unit_price`` in microlamports, rounded up."""
    return LAMPORTS_PER_SIGNATURE * signatures - (-units * unit_price // MICROLAMPORTS)


@frozen(kw_only=True)
class Sponsoring:
    """How much our wallets pay for buyers.

    The first three bound one transaction: compute units, microlamports a unit, lamports in all.
    ``sol_usd`` is the price of a SOL; with it, nothing cheaper than ``minimum_cost_multiple``
    times the costliest fee is sponsored. ``exclusive`` states that no other gateway has our
    sponsor keys: without it, payments without our memo are refused.
    """

    most_units: int = 400_000
    most_unit_price: int = 50_000
    most_lamports: int = 30_000
    lamports_per_hour: int = 100_000_000
    landed_failures_per_hour: int = 5
    sol_usd: Decimal | None = None
    minimum_cost_multiple: Decimal = Decimal(2)
    exclusive: bool = True


@frozen
class Token:
    """An asset as this network's programs know it."""

    asset: Asset
    mint: bytes
    program: bytes


@frozen(kw_only=True)
class RailConfig:
    """Where money goes, in which tokens, and on which terms.

    ``payment_address`` is the wallet that owns the receiving accounts. ``assets`` is the
    allow-list of tokens: those without a mint on the network are left out. ``gasless`` offers
    a fee payer to Cedros clients; official x402 clients always need one. ``compute_unit_limit``
    and ``compute_unit_price`` (microlamports) are for transactions that we build.
    ValueError for an address that is none.
    """

    network: Network
    payment_address: str
    assets: tuple[Asset, ...]
    gasless: bool = False
    auto_create_token_account: bool = False
    memo_prefix: str = "cedros"
    compute_unit_limit: int = 200_000
    compute_unit_price: int = 1
    sponsoring: Sponsoring = field(factory=Sponsoring)
    refunders: tuple[bytes, ...] = ()
    """Further wallets that pay refunds: ours, by themselves."""
    caip2: str = field(init=False, repr=False)
    """The network's name in x402 v2 and in our own records."""
    v1_name: str = field(init=False, repr=False)
    """Its name in x402 v1."""
    owner: bytes = field(init=False, repr=False)
    tokens: Mapping[str, Token] = field(init=False, repr=False)

    @caip2.default
    def _caip2(self) -> str:
        return CAIP2[self.network]

    @v1_name.default
    def _v1_name(self) -> str:
        return V1_NAMES[self.network]

    @owner.default
    def _owner(self) -> bytes:
        return address(self.payment_address)

    @tokens.default
    def _tokens(self) -> Mapping[str, Token]:
        return {
            asset.code: Token(asset, address(mint), TOKEN_PROGRAMS[asset.token_program])
            for asset in self.assets
            if (mint := asset.mints.get(self.network)) and asset.token_program
        }
