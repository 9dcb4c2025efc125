import re

import pytest

from tillway.plugins.setting import setting_of
from tillway.plugins.settings.storage import TABLES, SchemaMapping

pytest.importorskip("asyncpg", reason="asyncpg is not installed")

from tillway.adapters.stores.postgres.names import Names, tables_in
from tillway.adapters.stores.postgres.schema import migrations

_OURS = re.compile(r"\btillway_\w+")


class TestNames:
    def test_unmapped_names_stay(self) -> None:
        """Without a mapping the server is sent what the files say, to the letter."""
        for step in migrations():
            assert Names().spoken(step) is step

    def test_every_name_is_replaced_and_quoted(self) -> None:
        """Nothing that begins with our usual prefix is left, and no name stands bare."""
        names = Names(prefix="Shop", tables={"payments": "Orders"})
        for step in migrations():
            spoken = names.spoken(step)
            assert not _OURS.search(spoken)
            assert not re.search(r'(?<!")\b(Shop_\w+|Orders)\b', spoken)
            assert len(_OURS.findall(step)) == len(re.findall(r'"(Shop_\w+|Orders)"', spoken))

    def test_a_table_that_is_named_is_called_so_everywhere(self) -> None:
        """As a table and as a type; what is named after it, and functions, keep the prefix."""
        names = Names(tables={"payments": "orders"})
        sql = "INSERT INTO tillway_payments SELECT (tillway_find($1)::tillway_payments).*"
        assert names.spoken(sql) == ('INSERT INTO "orders" SELECT ("tillway_find"($1)::"orders").*')
        sql = "CREATE INDEX tillway_payments_newest ON tillway_payments (key)"
        assert names.spoken(sql) == 'CREATE INDEX "tillway_payments_newest" ON "orders" (key)'

    def test_a_schema_stands_where_it_may(self) -> None:
        """Indexes, constraints and policies are where their table is, and cannot say where."""
        names = Names(prefix="pay.shop", tables={"events": "log.facts"})
        assert names.spoken("SELECT tillway_find($1)") == 'SELECT "pay"."shop_find"($1)'
        sql = "CREATE UNIQUE INDEX tillway_events_new ON tillway_events (id)"
        assert names.spoken(sql) == ('CREATE UNIQUE INDEX "shop_events_new" ON "log"."facts" (id)')
        sql = "ALTER TABLE tillway_events ADD CONSTRAINT tillway_events_id UNIQUE (id)"
        assert '"log"."facts" ADD CONSTRAINT "shop_events_id"' in names.spoken(sql)
        assert names.spoken("DROP INDEX tillway_events_new") == 'DROP INDEX "log"."shop_events_new"'
        assert '"pay"."shop_schema"' in names.spoken("SELECT to_regclass('tillway_schema')")

    def test_settings_of_a_session_are_no_names(self) -> None:
        """The tenant is asked for under one name, whatever the tables are called."""
        sql = "PERFORM set_config('tillway.tenant', the_tenant, true)"
        assert Names(prefix="shop").spoken(sql) == sql

    @pytest.mark.parametrize(
        "name", ["", "a-b", 'a"b', "a b", "1a", "a.b.c", "a.", ".a", "a" * 64, "ä", "a;b", "a\n"]
    )
    def test_what_is_no_name_is_refused(self, name: str) -> None:
        """Nothing that could end a quoted name, or be cut off, is ever put into SQL."""
        with pytest.raises(ValueError, match="no name"):
            Names(tables={"payments": name})
        with pytest.raises(ValueError, match="no name"):
            Names(prefix=name)

    def test_names_that_would_meet_are_refused(self) -> None:
        """Neither two tables of one name, nor one that looks like another's."""
        with pytest.raises(ValueError, match="same name"):
            Names(tables={"payments": "a", "events": "a"})
        with pytest.raises(ValueError, match="prefix"):
            Names(tables={"payments": "tillway_events"})
        with pytest.raises(ValueError, match="30 characters"):
            Names(prefix="p" * 31)
        assert Names(tables={"payments": "tillway_payments"}).called("payments") == (
            "tillway_payments"
        )


class TestOurSql:
    def test_names_leave_room_for_the_longest_prefix(self) -> None:
        """The server would cut off what is longer, and two could become one."""
        words = {word for step in migrations() for word in _OURS.findall(step)}
        assert len(words) > 20
        assert max(len(word.removeprefix("tillway")) for word in words) <= 63 - 30

    def test_what_is_replaced_later_was_created_first(self) -> None:
        """A function of another gateway is never replaced: creating it would have failed."""
        for place, step in enumerate(migrations()):
            known = "\n".join(migrations()[:place])
            for name in re.findall(r"CREATE OR REPLACE FUNCTION (\w+)", step):
                assert f"CREATE FUNCTION {name}(" in known, name

    def test_the_settings_name_what_there_is(self) -> None:
        """A setting is in force as soon as a step creates its table, and not before."""
        made = {word for step in migrations() for word in tables_in(step)}
        fields = {field.name: setting_of(field) for field in SchemaMapping.__attrs_attrs__}
        for theirs, ours in TABLES.items():
            assert fields[theirs].in_force == (ours in made), theirs
            assert f"`tillway_{ours}`" in fields[theirs].doc
