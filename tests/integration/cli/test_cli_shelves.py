"""``tillway products`` and ``tillway coupons``: files into the store, and out of it again."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from e2e.http_call import call
from support.command import FIAT, LISTENS, Done, running, tillway, write_settings

PRODUCTS: Final[dict[str, Any]] = {
    "mug": {
        "description": "A mug",
        "fiat_amount_cents": 1250,
        "fiat_currency": "eur",
        "metadata": {"title": "Mug"},
    },
    "song": {"crypto_atomic_amount": 990_000, "crypto_token": "USDC"},
    "club": {
        "fiat_amount_cents": 500,
        "subscription": {"billing_period": "month", "trial_days": 7, "allow_x402": True},
    },
}
COUPONS: Final[dict[str, Any]] = {
    "HALF": {
        "code": "HALF",
        "discount_type": "percentage",
        "discount_value": 18.4,
        "scope": "specific",
        "product_ids": ["mug"],
        "usage_limit": 0,
        "expires_at": "2036-01-31T12:00:00Z",
        "active": True,
        "metadata": {"description": "Less"},
    },
    "TILL": {
        "code": "TILL",
        "discount_type": "fixed",
        "discount_value": 1,
        "scope": "all",
        "auto_apply": True,
        "applies_at": "checkout",
        "active": False,
    },
}


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """Sell from the store."""
    return write_settings(
        tmp_path,
        FIAT,
        {
            "paywall": {"product_source": "file", "resources": {}},
            "coupons": {"coupon_source": "file"},
        },
    )


def put(folder: Path, name: str, document: Mapping[str, Any]) -> Path:
    """Write a file."""
    path = folder / name
    text = (
        json.dumps(document)
        if name.endswith("json")
        else yaml.safe_dump(dict(document), sort_keys=False)
    )
    path.write_text(text)
    return path


def run(folder: Path, settings: Path, *words: object) -> Done:
    """Run a command in a folder."""
    kind, verb, *rest = words
    return tillway(kind, verb, "-c", settings, *rest, folder=folder)


class TestProducts:
    def test_a_file_goes_in_and_comes_out_the_same(self, tmp_path: Path, settings: Path) -> None:
        """A repeat changes nothing; what is not in the file stays, unless it is pruned."""
        source = put(tmp_path, "a.yaml", {"paywall": {"resources": PRODUCTS}})
        first = run(tmp_path, settings, "products", "import", source)
        out = run(tmp_path, settings, "products", "export", "--format", "json")
        again = run(tmp_path, settings, "products", "import", put_text(tmp_path, out.out))

        assert (first.code, first.err) == (0, "")
        assert first.out.splitlines() == ["+ mug", "+ song", "+ club", "3 added"]
        assert again.out.splitlines() == ["3 unchanged"]
        resources = json.loads(out.out)["paywall"]["resources"]
        assert resources["mug"] == PRODUCTS["mug"]
        assert resources["song"] == PRODUCTS["song"]
        plan = {"billing_interval": 1, **PRODUCTS["club"]["subscription"]}
        assert resources["club"]["subscription"] == plan

        source = put(tmp_path, "b.yaml", {"mug": {**PRODUCTS["mug"], "fiat_amount_cents": 1300}})
        dry = run(tmp_path, settings, "products", "import", "--prune", "--dry-run", source)
        pruned = run(tmp_path, settings, "products", "import", "--prune", source)
        told = ["~ mug", "- club", "- song", "1 changed, 2 removed"]
        assert dry.out.splitlines() == [*told[:-1], f"{told[-1]} (nothing was written)"]
        assert pruned.out.splitlines() == told

    def test_a_faulty_file_writes_nothing(self, tmp_path: Path, settings: Path) -> None:
        """Each fault is a line."""
        bad = {"mug": {"fiat_amount_cents": -1}, "good": {"fiat_amount_cents": 5}}
        done = run(tmp_path, settings, "products", "import", put(tmp_path, "a.yaml", bad))
        listed = run(tmp_path, settings, "products", "list")
        assert done.code == 2
        assert done.said == [
            "resources.mug.fiat_amount_cents: must be between 0 and 99999999 [yaml line 2]"
        ]
        assert "good" not in listed.out

    def test_a_gateway_that_runs_sells_them_soon(self, tmp_path: Path, settings: Path) -> None:
        """It looks every second."""
        with running("serve", "-c", settings, folder=tmp_path, until=LISTENS) as gateway:
            url = f"http://127.0.0.1:{gateway.port}/paywall/v1/products"
            assert call(url).json()["products"] == []
            run(tmp_path, settings, "products", "import", put(tmp_path, "a.yaml", PRODUCTS))
            until = time.monotonic() + 10
            while call(url).json()["total"] != 3:
                assert time.monotonic() < until
                time.sleep(0.1)

    def test_products_of_the_settings_are_changed_there(self, tmp_path: Path) -> None:
        """In one line, before the file is read."""
        settings = write_settings(tmp_path, FIAT)
        source = put(tmp_path, "a.yaml", PRODUCTS)
        done = run(tmp_path, settings, "products", "import", source)
        listed = run(tmp_path, settings, "products", "list")
        assert done.code == 2
        assert "Products come from the settings" in done.err
        assert "12.50 USD" in listed.out


class TestCoupons:
    def test_a_file_goes_in_and_comes_out_the_same(self, tmp_path: Path, settings: Path) -> None:
        """Exact percentages and limits of nothing too; with how often each was used."""
        source = put(tmp_path, "a.yaml", {"coupons": {"coupons": COUPONS}})
        first = run(tmp_path, settings, "coupons", "import", source)
        out = run(tmp_path, settings, "coupons", "export", "--format", "json")
        again = run(tmp_path, settings, "coupons", "import", put_text(tmp_path, out.out))
        assert first.out.splitlines() == ["+ HALF", "+ TILL", "2 added"], first.err
        assert again.out.splitlines() == ["2 unchanged"]
        half = json.loads(out.out)["coupons"]["coupons"]["HALF"]
        assert (half["discount_value"], half["usage_limit"]) == ("18.4", 0)

        listed = run(tmp_path, settings, "coupons", "list")
        shown = run(tmp_path, settings, "coupons", "show", "HALF")
        assert "18.4 %" in listed.out
        assert "0 of 0" in listed.out
        assert "2036-01-31 12:00" in shown.out
        assert "Less" in shown.out

    def test_one_that_is_not_there_is_named(self, tmp_path: Path, settings: Path) -> None:
        """In one line."""
        missing = run(tmp_path, settings, "coupons", "show", "NONE")
        assert (missing.code, missing.err.strip()) == (2, "there is no coupon NONE")


def put_text(folder: Path, text: str) -> Path:
    """Write a file as it is."""
    path = folder / "again.json"
    path.write_text(text)
    return path
