import pytest

from support.settings_files import faults_of, loaded
from tillway.entrypoints.settings.loading import Settings
from tillway.plugins.settings.coupons import CouponSettings
from tillway.plugins.settings.paywall import PaywallSettings

POSTGRES = {"storage.backend": "postgres", "storage.postgres_url": "pg://s"}
PRODUCTS = "storage.schema_mapping.products"
COUPONS = "storage.schema_mapping.coupons"


def layouts(settings: Settings) -> tuple[str, str]:
    """Give the layouts of products and coupons."""
    paywall, coupons = settings.section(PaywallSettings), settings.section(CouponSettings)
    return paywall.product_layout, coupons.coupon_layout


class TestLayouts:
    def test_a_database_of_ours_is_read_as_ours(self) -> None:
        """Nothing is said of a table, so there is none but the gateway's own."""
        assert layouts(loaded(POSTGRES)) == ("tillway", "tillway")

    @pytest.mark.parametrize(
        "named",
        [
            {f"{PRODUCTS}.table_name": "products"},
            {"paywall.postgres_table_name": "products"},
            {f"{PRODUCTS}.field_map": "{id: sku}"},
            {f"{PRODUCTS}.transforms.fiat_amount.multiply": "100"},
        ],
    )
    def test_what_is_described_is_somebody_elses(self, named: dict[str, str]) -> None:
        """A table, a column or a transform of products makes no table of coupons."""
        settings = loaded(POSTGRES | named)

        assert layouts(settings) == ("columns", "tillway")
        (key,) = named
        origin = settings.origins["paywall.product_layout"]
        assert origin in (key, "paywall.postgres_table_name", f"{PRODUCTS}.transforms")

    def test_what_is_said_stays(self) -> None:
        """The layout may be named itself."""
        settings = loaded(
            POSTGRES | {f"{COUPONS}.table_name": "codes", "coupons.coupon_layout": "tillway"}
        )

        assert layouts(settings) == ("tillway", "tillway")


class TestFaults:
    def test_all_are_named_by_their_keys_at_once(self) -> None:
        """Fields that there are not, names that are none, transforms that cannot be."""
        faults = faults_of(
            {
                f"{PRODUCTS}.field_map": "{fiat_amuont: price, description: 'a; b', id: ''}",
                f"{PRODUCTS}.transforms.description.multiply": "2",
                f"{PRODUCTS}.transforms.fiat_amount": "{multiply: 100, divide: 2}",
                f"{PRODUCTS}.transforms.active": "{constant: 'true', json_field: a}",
                f"{PRODUCTS}.transforms.metadata": "{}",
                f"{COUPONS}.transforms.code.json_field": "inner",
                f"{COUPONS}.transforms.discount_value.divide": "0",
                f"{COUPONS}.transforms.tenant_id.json_field": "tenant",
                f"{COUPONS}.table_name": "a.b.c",
            }
        )

        keys = {fault.split(": ")[0] for fault in faults}
        assert keys == {
            f"{PRODUCTS}.field_map.fiat_amuont",
            f"{PRODUCTS}.field_map.description",
            f"{PRODUCTS}.field_map.id",
            f"{PRODUCTS}.transforms.description.multiply",
            f"{PRODUCTS}.transforms.fiat_amount.divide",
            f"{PRODUCTS}.transforms.active.constant",
            f"{PRODUCTS}.transforms.metadata.multiply",
            f"{COUPONS}.transforms.code.json_field",
            f"{COUPONS}.transforms.discount_value.divide",
            f"{COUPONS}.transforms.tenant_id.json_field",
            f"{COUPONS}.table_name",
        }
        assert any("did you mean fiat_amount?" in fault for fault in faults)

    @pytest.mark.parametrize(
        "column", ['x"; DROP TABLE products; --', "a.b", "1st", "x" * 64, "prix-net", "é"]
    )
    def test_a_column_is_a_plain_name(self, column: str) -> None:
        """So that nothing but a name reaches a query, and that quoted."""
        (fault,) = faults_of({f"{PRODUCTS}.field_map": "{description: '%s'}" % column})  # noqa: UP031 - braces

        assert fault.startswith(f"{PRODUCTS}.field_map.description: must be a name of letters")

    def test_expressions_are_no_transform(self) -> None:
        """Cedros' documents have them, and they are free SQL."""
        fault, *_ = faults_of({f"{PRODUCTS}.transforms.fiat_amount.expression": "price * 100"})

        assert fault.startswith(f"{PRODUCTS}.transforms.fiat_amount.expression: is no setting")

    def test_a_constant_beside_a_column_is_refused(self) -> None:
        """One of the two would be passed over."""
        faults = faults_of(
            {
                f"{PRODUCTS}.field_map": "{crypto_token: token}",
                f"{PRODUCTS}.transforms.crypto_token.constant": "USDC",
            }
        )

        assert [fault.split(": ")[0] for fault in faults] == [f"{PRODUCTS}.field_map.crypto_token"]
