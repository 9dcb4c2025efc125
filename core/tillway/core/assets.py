"""What amounts are counted in: currencies and tokens, and where each token lives.

Decimals, mints and token programs of the built-in assets are facts of the chains and of the
Cedros contract; the USDG and devnet mints are those that the official x402 clients pay.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Final, NewType, Self

from attrs import Attribute, evolve, field, frozen

from tillway.core.errors import Code, Declined

Mint = NewType("Mint", str)
"""The base58 address of a token's mint."""

MOST_DECIMALS: Final = 18


class Network(StrEnum):
    """A Solana cluster. Its CAIP-2 id and its x402 v1 name are the rail's business."""

    MAINNET = "mainnet-beta"
    DEVNET = "devnet"
    TESTNET = "testnet"


class AssetKind(StrEnum):
    """Money at a bank, or a token on Solana."""

    FIAT = "fiat"
    SPL = "spl"


class TokenProgram(StrEnum):
    """The program that owns a mint: a token moves by its own program only."""

    TOKEN = "spl-token"  # noqa: S105 - a program's name
    TOKEN_2022 = "token-2022"  # noqa: S105 - a program's name


def _mints(pairs: Mapping[Network, Mint]) -> Mapping[Network, Mint]:
    return dict(pairs)


@frozen(kw_only=True)
class Asset:
    """A currency or a token.

    `code` is upper case and compared exactly; `decimals` turn major units into minor ones.
    `stripe` is Stripe's name of the currency; `peg` the currency that one unit is worth one of
    (USD for USD itself). Two assets are equal when amounts of them are: a mint more or less, on
    some network, makes no other asset.
    """

    code: str = field()
    decimals: int = field()
    kind: AssetKind
    stripe: str | None = field(default=None, eq=False)
    peg: str | None = field(default=None, eq=False)
    mints: Mapping[Network, Mint] = field(factory=dict, converter=_mints, eq=False)
    token_program: TokenProgram | None = field(default=None, eq=False)

    @code.validator
    def _check_code(self, _: Attribute[str], code: str) -> None:
        plain = code.isascii() and code.isalnum() and len(code) <= 16
        if not plain or code != code.upper():
            raise ValueError(f"asset code must be 1 to 16 upper-case letters or digits: {code!r}")

    @decimals.validator
    def _check_decimals(self, _: Attribute[int], decimals: int) -> None:
        if type(decimals) is not int or not 0 <= decimals <= MOST_DECIMALS:
            raise ValueError(f"{self.code}: decimals must be 0 to {MOST_DECIMALS}")

    def __attrs_post_init__(self) -> None:
        """Refuse a token without its program, and mints of what is no token."""
        if self.kind is AssetKind.SPL and self.token_program is None:
            raise ValueError(f"{self.code}: a token needs its token program")
        if self.kind is AssetKind.FIAT and (self.mints or self.token_program):
            raise ValueError(f"{self.code}: only a token has mints and a token program")

    @property
    def usd_pegged(self) -> bool:
        """Tell whether fixed discounts, which are in dollars, can be taken off this asset."""
        return self.peg == "USD"

    @property
    def stablecoin(self) -> bool:
        """Tell whether this is a token with a currency's worth, and so has cents."""
        return self.kind is AssetKind.SPL and self.peg is not None

    def mint_on(self, network: Network) -> Mint:
        """Give the mint on a network; Declined with `invalid_token_mint` where there is none."""
        try:
            return self.mints[network]
        except KeyError:
            raise Declined(
                Code.INVALID_TOKEN_MINT, f"{self.code} has no mint on {network}"
            ) from None


def _by_code(assets: Iterable[Asset]) -> Mapping[str, Asset]:
    found: dict[str, Asset] = {}
    for asset in assets:
        if asset.code in found:
            raise ValueError(f"two assets are called {asset.code}")
        found[asset.code] = asset
    return found


def _by_mint(assets: Iterable[Asset]) -> Mapping[tuple[Network, Mint], Asset]:
    found: dict[tuple[Network, Mint], Asset] = {}
    for asset in assets:
        for place in asset.mints.items():
            if place in found:
                raise ValueError(f"{found[place].code} and {asset.code} share mint {place[1]}")
            found[place] = asset
    return found


@frozen(init=False)
class Assets:
    """The assets that a gateway knows. Immutable: `with_asset` gives another registry.

    Codes are unique, and so is a mint on its network; ValueError otherwise.
    """

    _codes: Mapping[str, Asset]
    _minted: Mapping[tuple[Network, Mint], Asset] = field(eq=False, repr=False)

    def __init__(self, assets: Iterable[Asset] = ()) -> None:
        known = tuple(assets)
        self.__attrs_init__(_by_code(known), _by_mint(known))

    def __iter__(self) -> Iterator[Asset]:
        """Go through the assets in the order in which they were given."""
        return iter(self._codes.values())

    def __contains__(self, code: object) -> bool:
        """Tell whether there is an asset of this code."""
        return code in self._codes

    def by_code(self, code: str) -> Asset:
        """Find an asset by its exact code; Declined with `invalid_field` when unknown."""
        try:
            return self._codes[code]
        except KeyError:
            raise Declined(
                Code.INVALID_FIELD, f"unknown asset: {code[:32]}", field="asset"
            ) from None

    def by_mint(self, network: Network, mint: Mint | str) -> Asset:
        """Find a token by where it lives; Declined with `invalid_token_mint` when unknown."""
        try:
            return self._minted[network, Mint(mint)]
        except KeyError:
            raise Declined(Code.INVALID_TOKEN_MINT) from None

    def with_asset(self, asset: Asset) -> Self:
        """Give a registry that also knows this asset.

        A known code gains the mints given, and takes them in place of its own on the same
        network. ValueError when that would change its decimals or kind.
        """
        known = self._codes.get(asset.code)
        if known is None:
            return type(self)((*self, asset))
        if known != asset:
            raise ValueError(f"{asset.code} already has other decimals or another kind")
        merged = evolve(asset, mints={**known.mints, **asset.mints})
        return type(self)(merged if one.code == asset.code else one for one in self)


def _token(code: str, decimals: int, program: TokenProgram, **mints: str) -> Asset:
    return Asset(
        code=code,
        decimals=decimals,
        kind=AssetKind.SPL,
        peg=None if code == "SOL" else "USD",
        mints={Network[name]: Mint(mint) for name, mint in mints.items()},
        token_program=program,
    )


def _currency(code: str) -> Asset:
    return Asset(code=code, decimals=2, kind=AssetKind.FIAT, stripe=code.lower(), peg=code)


_WRAPPED_SOL: Final = "So11111111111111111111111111111111111111112"

USD: Final = _currency("USD")
EUR: Final = _currency("EUR")
USDC: Final = _token(
    "USDC",
    6,
    TokenProgram.TOKEN,
    MAINNET="EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v",
    DEVNET="4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU",
)
SOL: Final = _token(
    "SOL",
    9,
    TokenProgram.TOKEN,
    MAINNET=_WRAPPED_SOL,
    DEVNET=_WRAPPED_SOL,
    TESTNET=_WRAPPED_SOL,
)
USDT: Final = _token(
    "USDT", 6, TokenProgram.TOKEN, MAINNET="Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB"
)
PYUSD: Final = _token(
    "PYUSD",
    6,
    TokenProgram.TOKEN_2022,
    MAINNET="2b1kV6DkPAnxd5ixfnxCpjxmKwqjjaYmCZfHsFu24GXo",
    DEVNET="CXk2AMBfi3TwaEL2468s6zP8xq9NxTXjp9gjMgzeUynM",
)
USDG: Final = _token(
    "USDG",
    6,
    TokenProgram.TOKEN_2022,
    MAINNET="2u1tszSeqZ3qBWF3uNGPFc8TzMk2tdiwknnRMWGWjGWH",
    DEVNET="4F6PM96JJxngmHnZLBh9n58RH4aTVNWvDs2nuwrT5BP7",
)
CASH: Final = _token(
    "CASH", 6, TokenProgram.TOKEN_2022, MAINNET="CASHx9KJUStyftLFWGvEVf59SGeG9sh5FfcnZMVPCASH"
)

BUILT_IN: Final = Assets((USD, EUR, USDC, SOL, USDT, PYUSD, USDG, CASH))
"""What every gateway knows before its settings add to it."""
