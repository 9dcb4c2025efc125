"""What a PostgreSQL database holds besides rows, in words that can be compared."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from support.postgres import APP, Databases

if TYPE_CHECKING:
    from tillway.adapters.stores.postgres.names import Names

_OURS = "NOT IN (SELECT oid FROM pg_namespace WHERE nspname ~ '^(pg_|information_schema|test_kit)')"
_SCHEMA = f"""
    SELECT 'relation', oid::regclass::text, relkind::text,
        concat_ws(' ', relrowsecurity, relforcerowsecurity, relpersistence)
    FROM pg_class WHERE relnamespace {_OURS}
    UNION ALL SELECT 'column', table_name, column_name, concat_ws(' ', ordinal_position,
        data_type, udt_name, is_nullable, collation_name, column_default, is_identity)
    FROM information_schema.columns WHERE table_schema::regnamespace {_OURS}
    UNION ALL SELECT 'index', indrelid::regclass::text, indexrelid::regclass::text,
        concat_ws(' ', indisvalid, pg_get_indexdef(indexrelid))
    FROM pg_index JOIN pg_class ON indexrelid = pg_class.oid WHERE relnamespace {_OURS}
    UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace {_OURS}
    UNION ALL SELECT 'policy', tablename, policyname, concat_ws(' ', permissive, roles::text,
        cmd, qual, with_check)
    FROM pg_policies
    UNION ALL SELECT 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(oid)
    FROM pg_trigger
    UNION ALL SELECT 'function', oid::regprocedure::text, '', pg_get_functiondef(oid)
    FROM pg_proc WHERE pronamespace {_OURS}
    UNION ALL SELECT 'type', typname, typtype::text, '' FROM pg_type
    WHERE typcategory <> 'A' AND typnamespace {_OURS}
"""
_VERSIONS = "SELECT 'version', version::text, '', '' FROM tillway_schema"

_TABLE = """
    CREATE TABLE tillway_schema (
        version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now(),
        names text
    )
"""
Row = tuple[str, ...]


async def schema(postgres: Databases, database: str, names: "Names | None" = None) -> Sequence[Row]:
    """Give everything that is defined there, as it would be called by the usual names."""
    from tillway.adapters.stores.postgres.names import Names

    names = names or Names()
    rows = [
        *await postgres.rows(_SCHEMA, database=database),
        *await postgres.rows(names.spoken(_VERSIONS), database=database),
    ]
    return sorted(tuple(_usual(text, names) for text in row) for row in rows)


def _usual(text: str, names: "Names") -> str:
    """Put the usual names back in the place of a gateway's own."""
    for word, name in names.tables.items():
        text = re.sub(rf'"?\b{_bare(name)}(_\w+)?\b"?', rf"tillway_{word}\1", text)
    text = re.sub(rf'"?\b{_bare(names.prefix)}_(\w+)"?', r"tillway_\1", text)
    return re.sub(r'"?\b(public|tills)\b"?\.', "", text)


def _bare(name: str) -> str:
    return name.rpartition(".")[2]


async def at_version(postgres: Databases, wanted: int) -> str:
    """Make a database as the first steps have left it, and give its name."""
    from tillway.adapters.stores.postgres.schema import migrations

    name = await postgres.fresh(empty=True)
    marks = [f"INSERT INTO tillway_schema (version) VALUES ({n + 1})" for n in range(wanted)]
    steps = migrations()[:wanted]
    await postgres.sql(_TABLE, *steps, *marks, database=name, user=APP)
    return name
