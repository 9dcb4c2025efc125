"""Which tokens a gateway knows, and what its settings may say of them."""

from collections.abc import Sequence
from typing import Final, Literal

from attrs import frozen

from tillway.core.assets import BUILT_IN, Asset, AssetKind, Assets, Mint, Network, TokenProgram
from tillway.core.errors import Declined
from tillway.plugins.rules import base58_key, between, not_blank
from tillway.plugins.setting import setting
from tillway.plugins.settings.clusters import NAMES, known_network

USUAL_DECIMALS: Final = 6
_FAILED: Final = "x402.token_mint validation failed: "


def _symbol(text: str) -> str | None:
    plain = text.isascii() and text.isalnum() and len(text) <= 16 and text == text.upper()
    return None if plain else "must be 1 to 16 upper-case letters or digits"


@frozen(kw_only=True)
class ExtraMint:
    """A token beside the built-in ones, or another mint of one of those."""

    symbol: str = setting(rules=(_symbol,), doc="Upper-case letters and digits: `USDC`.")
    mint: str = setting(rules=(not_blank, base58_key), doc="The mint's address.")
    decimals: int = setting(rules=(between(0, 18),), doc="As the mint itself has them.")
    token_program: Literal["spl-token", "token-2022"] = setting(
        default="spl-token", doc="The program that owns the mint."
    )
    network: str = setting(
        default="",
        default_is="x402.network",
        rules=(lambda text: known_network(text) if text else None,),
        doc="The cluster on which the mint lives.",
    )
    peg: Literal["USD", "EUR", "none"] = setting(
        default="USD", doc="The currency of which one token is worth one."
    )

    def asset(self, network: Network) -> Asset:
        """Give the asset, living on `network` unless the entry names another.

        Raises ValueError when there can be no such asset.
        """
        return Asset(
            code=self.symbol,
            decimals=self.decimals,
            kind=AssetKind.SPL,
            peg=None if self.peg == "none" else self.peg,
            mints={NAMES.get(self.network, network): Mint(self.mint)},
            token_program=TokenProgram(self.token_program),
        )


def known_assets(network: str, extras: Sequence[ExtraMint]) -> Assets:
    """Give the built-in assets and the extra ones; ValueError when these contradict those."""
    known = BUILT_IN
    for extra in extras:
        known = known.with_asset(extra.asset(NAMES[network]))
    return known


def asset_of(mint: str, network: str, extras: Sequence[ExtraMint]) -> Asset | None:
    """Give the asset of a mint on a network, or None."""
    try:
        return known_assets(network, extras).by_mint(NAMES[network], mint)
    except (Declined, LookupError, ValueError):
        return None


def consistent(extras: Sequence[ExtraMint], network: str) -> str | None:
    """Take extra mints that contradict neither each other nor what is built in."""
    try:
        known_assets(network, extras)
    except ValueError as error:
        return f"cannot be used: {error}"
    return None


def payable_mint(mint: str, network: str, extras: Sequence[ExtraMint]) -> str | None:
    """Take the mint of a stablecoin that lives on the network."""
    asset = asset_of(mint, network, extras)
    if asset is not None:
        return None if asset.stablecoin else f"{_FAILED}{asset.code} is not a stablecoin"
    homes = [home for home in Network if asset_of(mint, home, ()) is not None]
    if homes:
        return f"{_FAILED}that mint is on {homes[0]}, and x402.network is {network}"
    codes = ", ".join(_payable_codes(NAMES[network]))
    return f"{_FAILED}it is none of {codes} on {network}, and x402.extra_mints does not list it"


def _payable_codes(network: Network) -> list[str]:
    return [asset.code for asset in BUILT_IN if asset.stablecoin and network in asset.mints]


def right_decimals(
    decimals: int, mint: str, network: str, extras: Sequence[ExtraMint]
) -> str | None:
    """Take the decimals that the mint has."""
    asset = asset_of(mint, network, extras)
    if asset is None or asset.decimals == decimals:
        return None
    return f"must be {asset.decimals}, the decimals of {asset.code}"
