"""The second wall between tenants, as seen by roles that do not come through the store."""

import re
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from support.postgres import APP, GUARDED, PASSWORD, Databases
from tillway.core.assets import USDC
from tillway.core.contracts.samples import (
    CHAIN,
    LEASE,
    NOW,
    OTHER,
    OURS,
    cart,
    checkout,
    coupon,
    delivery,
    entry,
    event,
    hold,
    inbound,
    nonce,
    payment,
    product,
    refund,
    reservation,
    settled,
    subscription,
)
from tillway.core.money import Money
from tillway.core.ports.store import UnitOfWork
from tillway.core.secrets import Secret
from tillway.core.tenancy import DEFAULT, Tenant

if TYPE_CHECKING:
    from tillway.adapters.stores.postgres import PostgresStore

asyncpg = pytest.importorskip("asyncpg", reason="asyncpg is not installed")

_RECORDS = (
    "tillway_carts",
    "tillway_refunds",
    "tillway_subscriptions",
    "tillway_checkouts",
    "tillway_nonces",
    "tillway_answers",
    "tillway_inbox",
    "tillway_deliveries",
    "tillway_settings",
    "tillway_holds",
)
_TABLES = (
    "tillway_payments",
    "tillway_archive",
    "tillway_tallies",
    "tillway_events",
    "tillway_accounts",
    "tillway_lines",
    "tillway_unfolded",
    "tillway_definitions",
    *_RECORDS,
)
_GATEWAYS_OWN = {"tillway_schema", "tillway_quote_keys", "tillway_leases"}
_ACROSS = {
    "tillway_first",
    "tillway_is_archived",
    "tillway_find",
    "tillway_is_live",
    "tillway_renew",
    "tillway_take_over",
    "tillway_watch",
    "tillway_put_away",
    "tillway_give_places",
    "tillway_unsealed",
    "tillway_last",
    "tillway_after_of_all",
    "tillway_row_due",
}
"""What may look beyond one tenant, and why: docs/decisions/0008."""

_HELPERS = {
    "tillway_add",
    "tillway_take",
    "tillway_shares",
    "tillway_hold",
    "tillway_user_in",
    "tillway_payer_in",
    "tillway_name_payer",
    "tillway_fold",
    "tillway_lock",
    "tillway_bound",
    "tillway_is_large",
}
"""Called by those that have said for whom."""


@pytest.fixture
async def filled(postgres: Databases) -> str:
    """Give a database in which two tenants have one of everything, and one shared total."""
    from tillway.adapters.stores.postgres import PostgresStore

    name = await postgres.fresh()
    store = PostgresStore(postgres.server.url(name))
    await store.start()
    for tenant in (DEFAULT, OTHER):
        await _fill(store, str(tenant))
    await store.aclose()
    rights = "SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public"
    await postgres.sql(f"GRANT {rights} TO {GUARDED}", database=name)
    return name


async def _fill(store: "PostgresStore", tenant: str) -> None:
    who = Tenant(tenant)
    taken = (reservation(tenant=who), reservation("shared", limit=None, tenant=None))
    old = payment(f"old-{tenant}", who, created_at=NOW - LEASE)
    async with store.begin() as unit:
        await unit.payments.claim(payment(tenant, who, reservations=taken))
        await unit.payments.claim(old)
        await unit.payments.settle(settled(old))
        await unit.payments.archive(NOW, 10)
        await unit.events.append(event(tenant, who))
        await unit.products.put(who, product(), NOW)
        await unit.coupons.put(who, coupon())
        await _fill_records(unit, who)


async def _fill_records(unit: UnitOfWork, who: Tenant) -> None:
    await unit.ledger.post(entry("a", 100, who, least=0))
    await unit.ledger.hold(hold("a", 10, who))
    await unit.carts.add(cart("a", who))
    await unit.refunds.add(refund("a", 10, who), Money(10, USDC))
    await unit.subscriptions.add(subscription("a", who))
    await unit.checkouts.add(checkout("a", who))
    await unit.nonces.add(nonce("a", who))
    await unit.answers.start(who, "key", "request", OURS, NOW, NOW + LEASE)
    await unit.inbox.receive(inbound("a", who))
    await unit.deliveries.add(delivery("a", who))
    await unit.settings.put(who, "a", {}, 0, NOW, "admin")


@pytest.fixture(params=[APP, GUARDED])
async def outsider(
    request: pytest.FixtureRequest, postgres: Databases, filled: str
) -> AsyncIterator[Any]:
    """Give a connection past the store: of the tables' owner, and of a plain role."""
    password = PASSWORD if request.param == GUARDED else ""
    url: Secret = postgres.server.url(filled, request.param, password)
    connection = await asyncpg.connect(url.reveal())
    yield connection
    await connection.close()


async def _be(connection: Any, tenant: str) -> None:
    await connection.execute("SELECT set_config('tillway.tenant', $1, false)", tenant)


async def _tenants(connection: Any, table: str) -> set[str]:
    rows = await connection.fetch(f"SELECT tenant FROM {table}")
    return {row["tenant"] for row in rows}


class TestRowLevelSecurity:
    @pytest.mark.parametrize("table", _TABLES)
    async def test_a_tenant_sees_its_own_rows(self, outsider: Any, table: str) -> None:
        """A query that forgets its tenant gets that of the session, and no other's."""
        shared = {""} if table == "tillway_tallies" else set()
        for tenant in (DEFAULT, OTHER):
            await _be(outsider, tenant)
            assert await _tenants(outsider, table) == {tenant} | shared

    @pytest.mark.parametrize("table", _TABLES)
    async def test_who_is_no_tenant_sees_nothing(self, outsider: Any, table: str) -> None:
        """Without a tenant, only what all tenants of a chain share is seen."""
        shared = {""} if table == "tillway_tallies" else set()
        assert await _tenants(outsider, table) == shared
        await _be(outsider, "")
        assert await _tenants(outsider, table) == shared
        await _be(outsider, "nobody")
        assert await _tenants(outsider, table) == shared

    @pytest.mark.parametrize("table", _TABLES)
    async def test_a_tenant_changes_its_own_rows(self, outsider: Any, table: str) -> None:
        """Updates and deletes that name no tenant, or another, leave the other's as they were."""
        await _be(outsider, DEFAULT)
        assert await outsider.execute(f"UPDATE {table} SET tenant = tenant") != "UPDATE 0"
        moved = f"DELETE FROM {table} WHERE tenant = $1"
        assert await outsider.execute(moved, OTHER) == "DELETE 0"
        await outsider.execute(f"DELETE FROM {table}")
        await _be(outsider, OTHER)
        assert OTHER in await _tenants(outsider, table)

    @pytest.mark.parametrize("table", _TABLES)
    async def test_a_tenant_writes_nothing_for_another(self, outsider: Any, table: str) -> None:
        """Rows cannot be given to another tenant."""
        await _be(outsider, DEFAULT)
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await outsider.execute(
                f"UPDATE {table} SET tenant = 'third' WHERE tenant = $1", DEFAULT
            )

    async def test_the_way_through_is_narrow(self, outsider: Any) -> None:
        """There nothing is inserted or deleted; only keys, the log and what is due are seen."""
        await _be(outsider, "*")
        seen = {table for table in _TABLES if await _tenants(outsider, table) - {""}}
        has_no_due_time = {"tillway_settings"}
        assert (
            seen
            == {
                "tillway_payments",
                "tillway_archive",
                "tillway_events",
                *_RECORDS,
            }
            - has_no_due_time
        )
        for table in _TABLES:
            deleted = await outsider.execute(f"DELETE FROM {table} WHERE tenant <> ''")
            assert deleted == "DELETE 0", table

    @pytest.mark.parametrize("table", [*_RECORDS, "tillway_events"])
    async def test_the_way_through_changes_nothing(self, outsider: Any, table: str) -> None:
        """Records can be held there, facts be given places, and neither be written."""
        await _be(outsider, "*")
        if table != "tillway_settings":
            assert await outsider.fetch(f"SELECT FROM {table} FOR UPDATE")
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
                await outsider.execute(f"UPDATE {table} SET body = body")
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await outsider.execute(f"INSERT INTO {table} SELECT (NULL::{table}).*")

    async def test_a_place_in_the_log_is_not_given_twice(
        self, outsider: Any, postgres: Databases, filled: str
    ) -> None:
        """What has its place is out of reach of whoever acts for all."""
        await postgres.sql(
            "UPDATE tillway_events SET position = length(tenant || id), number = 1, seal = ''"
            " WHERE type <> 'ledger.entry'",
            database=filled,
        )
        await _be(outsider, "*")
        moved = "UPDATE tillway_events SET position = position + 100 WHERE position IS NOT NULL"
        assert await outsider.execute(moved) == "UPDATE 0"

    async def test_a_call_leaves_no_tenant_behind(self, outsider: Any) -> None:
        """Whom a function acts for is forgotten with its transaction."""
        for call in ("tillway_find('c', 'k', false)", "tillway_newest('default', null, 10)"):
            await outsider.fetch(f"SELECT * FROM {call}")
            assert not await outsider.fetchval("SELECT current_setting('tillway.tenant', true)")
            assert await _tenants(outsider, "tillway_payments") == set()


class TestEveryTableAndFunction:
    async def test_every_table_has_the_wall(self, postgres: Databases, filled: str) -> None:
        """Each table is a tenant's, with policies that bind its owner too, or the gateway's."""
        rows = await postgres.rows(
            "SELECT relname, relrowsecurity AND relforcerowsecurity, EXISTS ("
            " SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'tenant')"
            " FROM pg_class AS c WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace",
            database=filled,
        )
        assert {name for name, walled, _ in rows if walled} == set(_TABLES)
        assert {name for name, walled, _ in rows if not walled} == _GATEWAYS_OWN
        owned = {name for name, _, has_tenant in rows if has_tenant}
        assert owned - {"tillway_leases"} == set(_TABLES)

    async def test_every_function_says_for_whom_first(
        self, postgres: Databases, filled: str
    ) -> None:
        """Each begins by naming the tenant that it was given; few look beyond one."""
        functions = await _functions(postgres, filled)
        assert {name for name, _, body in functions if "'*'" in body} == _ACROSS
        assert len(functions) > 150
        for name, arguments, body in functions:
            if name in _HELPERS or "quote_keys" in body:
                continue
            who = "the_tenant" if "the_tenant" in arguments else "'*'"
            first = f"PERFORM set_config('tillway.tenant', {who}, true);"
            assert re.search(r"BEGIN\s+(LOOP\s+)?" + re.escape(first), body), name

    async def test_no_function_has_more_rights_than_its_caller(
        self, postgres: Databases, filled: str
    ) -> None:
        """None is a way around the policies."""
        query = "SELECT count(*) FROM pg_proc WHERE prosecdef AND proname LIKE 'tillway%'"
        assert await postgres.rows(query, database=filled) == [(0,)]

    async def test_the_store_works_as_a_plain_role(self, postgres: Databases, filled: str) -> None:
        """The app needs neither the tables nor any right to pass the policies."""
        from tillway.adapters.stores.postgres import PostgresStore

        store = PostgresStore(postgres.server.url(filled, GUARDED, PASSWORD))
        await store.start()
        async with store.view() as view:
            assert len(await view.payments.newest(DEFAULT, 10)) == 1
            assert await view.tallies.totals(None, ["shared"], CHAIN) == {"shared": 2}
            assert await view.payments.find(CHAIN, payment(str(OTHER)).key) is not None
        await store.aclose()


async def _functions(postgres: Databases, name: str) -> Sequence[Sequence[str]]:
    return await postgres.rows(
        "SELECT proname::text, pg_get_function_arguments(oid), prosrc FROM pg_proc"
        " WHERE proname LIKE 'tillway%'",
        database=name,
    )
