"""Settings files for tests: small trees of keys, written as YAML."""

from collections.abc import Iterable, Mapping
from typing import Any

from tillway.entrypoints.settings.faults import SettingsError
from tillway.entrypoints.settings.loading import Settings, Source, load
from tillway.entrypoints.settings.sections import BUILT_IN

USDC = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"
DEVNET_USDC = "4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU"
WALLET = "7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU"

SHOP: dict[str, str] = {
    "x402.payment_address": WALLET,
    "x402.token_mint": USDC,
    "paywall.resources.item.fiat_amount_cents": "100",
    "paywall.resources.item.stripe_price_id": "price_1",
}
"""The least that a gateway needs."""


def file_of(keys: Mapping[str, str]) -> str:
    """Write a file that sets these keys to these YAML texts."""
    tree: dict[str, Any] = {}
    for key, text in keys.items():
        *path, name = key.split(".")
        block = tree
        for step in path:
            block = block.setdefault(step, {})
        block[name] = text
    return "\n".join(_lines(tree, 0)) + "\n"


def _lines(tree: Mapping[str, Any], depth: int) -> Iterable[str]:
    for name, below in tree.items():
        start = "  " * depth + f"{name}:"
        if isinstance(below, dict):
            yield start
            yield from _lines(below, depth + 1)
        else:
            yield f"{start} {below}"


def loaded(
    keys: Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
    *,
    without: Iterable[str] = (),
    sections: Mapping[str, type] = BUILT_IN,
) -> Settings:
    """Load the least settings with these keys and variables more, and some keys less."""
    wanted = {key: text for key, text in (SHOP | dict(keys or {})).items() if key not in without}
    return load(sections, Source(yaml=file_of(wanted), environ=variables or {}))


def faults_of(
    keys: Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
    *,
    without: Iterable[str] = (),
    sections: Mapping[str, type] = BUILT_IN,
) -> list[str]:
    """Give the lines of what is wrong with such settings."""
    try:
        loaded(keys, variables, without=without, sections=sections)
    except SettingsError as error:
        return [str(fault) for fault in error.faults]
    return []
