"""Products and coupons in files: every fault is named by its key, and what is written is read."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tillway.core.assets import BUILT_IN
from tillway.core.catalog import Coupon, Product
from tillway.entrypoints.definition_files import (
    Form,
    read_coupons,
    read_products,
    write_coupons,
    write_products,
)
from tillway.entrypoints.settings.faults import SettingsError

MUG: Mapping[str, Any] = {"fiat_amount_cents": 5, "metadata": {"title": "Ünïcode: 'yes'"}}
SONG: Mapping[str, Any] = {"crypto_atomic_amount": 5}
HALF: Mapping[str, Any] = {
    "code": "HALF",
    "discount_type": "percentage",
    "discount_value": 33.33,
    "scope": "specific",
    "product_ids": ["mug"],
    "usage_limit": 0,
    "active": True,
}


def file_of(folder: Path, document: object) -> Path:
    """Write a file."""
    path = folder / "file.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def products(folder: Path, document: object) -> list[Product]:
    """Read products from it."""
    return list(read_products(file_of(folder, document), BUILT_IN, "USDC"))


def coupons(folder: Path, document: object) -> list[Coupon]:
    """Read coupons from it."""
    return list(read_coupons(file_of(folder, document)))


def faults(folder: Path, document: object, *, of_coupons: bool = False) -> list[str]:
    """Give the keys that are at fault."""
    with pytest.raises(SettingsError) as refused:
        (coupons if of_coupons else products)(folder, document)
    return [fault.key for fault in refused.value.faults]


class TestProducts:
    @pytest.mark.parametrize("around", [(), ("resources",), ("paywall", "resources")])
    def test_the_keys_around_may_be_left_out(self, tmp_path: Path, around: tuple[str, ...]) -> None:
        """A file is the settings' own, or a part of them."""
        document: object = {"mug": MUG, "song": SONG}
        for key in reversed(around):
            document = {key: document}
        mug, song = products(tmp_path, document)
        assert (mug.id, song.id) == ("mug", "song")
        assert song.crypto_price is not None
        assert song.crypto_price.asset.code == "USDC"

    @pytest.mark.parametrize("form", ["yaml", "json"])
    def test_what_is_written_is_read(self, tmp_path: Path, form: Form) -> None:
        """The same in both formats."""
        plan = {"billing_period": "month", "billing_interval": 3, "grace_period_hours": 2}
        there = products(tmp_path, {"mug": {**MUG, "subscription": plan}, "song": SONG})
        assert products(tmp_path, write_products(there, form)) == there

    def test_all_faults_are_named(self, tmp_path: Path) -> None:
        """Of all products at once."""
        found = faults(
            tmp_path,
            {
                "mug": {"fiat_amount_cents": -1},
                "v1": {"fiat_amount_cents": 1},
                "song": {"crypto_atomic_amount": 5, "crypto_token": "DOGE"},
                "pot": {"fiat_amount_cents": 5, "colour": "blue"},
                "cup": {"fiat_amount_cents": 5, "fiat_currency": "xyz"},
                "a": {"resource_id": "twin", "fiat_amount_cents": 5},
                "b": {"resource_id": "twin", "fiat_amount_cents": 5},
            },
        )
        assert set(found) == {
            "resources.mug.fiat_amount_cents",
            "resources.v1.resource_id",
            "resources.song.crypto_token",
            "resources.pot.colour",
            "resources.cup.fiat_currency",
            "resources.twin",
        }

    def test_what_has_no_price_is_refused(self, tmp_path: Path) -> None:
        """Nobody could buy it."""
        assert faults(tmp_path, {"mug": {"description": "A mug"}}) == ["resources.mug.price"]

    @pytest.mark.parametrize("text", ["[1]", "mug", "{", "a: &a [*a]", "mug: 5"])
    def test_what_is_no_table_is_refused(self, tmp_path: Path, text: str) -> None:
        """Whatever it is."""
        assert faults(tmp_path, text)

    def test_a_file_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        """With the system's word for it."""
        with pytest.raises(SettingsError, match="none cannot be read: No such file"):
            read_products(tmp_path / "none", BUILT_IN, "USDC")


class TestCoupons:
    @pytest.mark.parametrize("form", ["yaml", "json"])
    def test_what_is_written_is_read(self, tmp_path: Path, form: Form) -> None:
        """Exact percentages, limits of nothing, and times."""
        times = {"starts_at": "2026-01-31T12:00:00Z", "expires_at": "2036-01-31T12:00:00.25Z"}
        there = coupons(tmp_path, {"HALF": {**HALF, **times}})
        assert coupons(tmp_path, write_coupons(there, form)) == there

    def test_all_faults_are_named(self, tmp_path: Path) -> None:
        """Of all coupons at once."""
        found = faults(
            tmp_path,
            {
                "A": {**HALF, "code": "A", "discount_value": 101},
                "B": {**HALF, "code": "B", "product_ids": []},
                "C": {**HALF, "code": "C", "auto_apply": True},
                "D": {**HALF, "code": "TWIN"},
                "E": {**HALF, "code": "TWIN"},
            },
            of_coupons=True,
        )
        assert set(found) == {
            "coupons.A.discount_value",
            "coupons.B.product_ids",
            "coupons.C.applies_at",
            "coupons.TWIN",
        }
