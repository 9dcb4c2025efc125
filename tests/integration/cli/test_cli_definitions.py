"""What people are told of products and coupons in a database beside the store."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from support import cedros_tables
from support.command import tillway, write_settings
from support.postgres import APP, Databases

pytest.importorskip("asyncpg", reason="asyncpg is not installed")


@pytest.fixture
async def url(postgres: Databases) -> AsyncIterator[str]:
    """Give a database with Cedros' tables, one row of which makes no sense."""
    name = await postgres.fresh(empty=True)
    await postgres.sql(
        cedros_tables.PRODUCTS,
        cedros_tables.COUPONS,
        *cedros_tables.ROWS,
        "UPDATE products SET crypto_token = 'DOGE' WHERE id = 'ebook'",
        f"GRANT SELECT ON products, coupons TO {APP}",
        database=name,
    )
    yield postgres.server.url(name, password="pass-word-77").reveal()
    await postgres.sql(f"DROP DATABASE {name} WITH (FORCE)")


def settings(folder: Path, url: str, **products: Any) -> Path:
    """Write settings that read its products."""
    mapping = {"products": {"table_name": "products", **products}}
    storage = {"postgres_url": url, "schema_mapping": mapping}
    return write_settings(
        folder,
        {"storage": storage, "paywall": {"product_source": "postgres", "resources": {}}},
    )


class TestDoctor:
    async def test_faulty_rows_are_named(self, url: str, tmp_path: Path) -> None:
        """They need attention, and keep nothing from running."""
        done = tillway("doctor", "-c", settings(tmp_path, url), folder=tmp_path)

        assert done.code == 1, done
        said = " ".join(done.out.split())
        assert "row 'ebook', column crypto_token" in said
        assert "DOGE" not in said

    async def test_a_table_that_does_not_fit_keeps_it_from_running(
        self, url: str, tmp_path: Path
    ) -> None:
        """By the key that is to be changed."""
        file = settings(tmp_path, url, field_map={"fiat_amount": "price"})
        done = tillway("doctor", "-c", file, folder=tmp_path)

        assert done.code == 2, done
        assert "field_map.fiat_amount" in done.out


class TestServe:
    async def test_a_table_that_does_not_fit_is_refused(self, url: str, tmp_path: Path) -> None:
        """Exit code 2, every column by its key, a line each."""
        file = settings(tmp_path, url, field_map={"fiat_amount": "price", "id": "sku"})
        done = tillway("serve", "-c", file, folder=tmp_path)

        assert done.code == 2, done
        assert [line.split(":")[0] for line in done.said] == [
            "storage.schema_mapping.products.field_map.id",
            "storage.schema_mapping.products.field_map.fiat_amount",
        ]


class TestCheck:
    async def test_what_is_inherited_is_shown_without_its_secret(
        self, url: str, tmp_path: Path
    ) -> None:
        """The URL of products is the store's, and hidden all the same."""
        arguments = ("config", "check", "-c", settings(tmp_path, url), "--show")
        done = tillway(*arguments, folder=tmp_path, COLUMNS="200")

        assert done.code == 0, done
        line = next(each for each in done.out.splitlines() if "paywall.postgres_url" in each)
        assert "***" in line
        assert "storage.postgres_url" in line
        assert "pass-word-77" not in done.out + done.err

    async def test_missing_urls_are_named_as_the_admin_contract_words_them(
        self, tmp_path: Path
    ) -> None:
        """Both at once, with exit code 2."""
        file = write_settings(
            tmp_path,
            {
                "paywall": {"product_source": "postgres", "resources": {}},
                "coupons": {"coupon_source": "postgres"},
            },
        )
        done = tillway("config", "check", "-c", file, folder=tmp_path)

        assert done.code == 2, done
        assert done.out.splitlines() == [
            "fault: paywall.postgres_url is required when product_source=postgres",
            "fault: coupons.postgres_url is required when coupon_source=postgres",
            "settings: 2 faults",
        ]
