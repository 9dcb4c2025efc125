"""What a version's code sent to its database, and what it heard back, kept in a file."""

import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from attrs import field, frozen

FOLDER: Final = Path(__file__).parents[2] / "integration" / "stores" / "statements"

Rows = list[list[Any]]


@frozen(kw_only=True)
class Sent:
    """One statement, and on which of the operation's connections it went."""

    connection: int
    sql: str
    values: Sequence[Any] = ()
    rows: Rows = field(factory=list)


@frozen(kw_only=True)
class Done:
    """One operation of the scenario, as statements."""

    name: str
    sent: Sequence[Sent]


def file_of(kind: str, version: int) -> Path:
    """Say where the record of a version is."""
    return FOLDER / f"{kind}-{version:04}.json"


def versions(kind: str) -> Sequence[int]:
    """Give the versions of which there are records."""
    return sorted(int(file.stem.rpartition("-")[2]) for file in FOLDER.glob(f"{kind}-*.json"))


def read(kind: str, version: int) -> Sequence[Done]:
    """Give a record."""
    every = json.loads(file_of(kind, version).read_text("utf-8"))
    return [Done(name=one["name"], sent=[_sent(*each) for each in one["sent"]]) for one in every]


def written(record: Sequence[Done]) -> str:
    """Write a record as its file has it."""
    every = [{"name": one.name, "sent": [_listed(each) for each in one.sent]} for one in record]
    return json.dumps(every, indent=1, ensure_ascii=False) + "\n"


def _listed(sent: Sent) -> list[Any]:
    return [sent.connection, sent.sql, _plain(sent.values), _plain(sent.rows)]


def _sent(connection: int, sql: str, values: list[Any], rows: Rows) -> Sent:
    given = [_given(each) for each in values]
    heard = [[_given(each) for each in row] for row in rows]
    return Sent(connection=connection, sql=sql, values=given, rows=heard)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    if isinstance(value, Decimal):
        return {"number": str(value)}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def _given(value: Any) -> Any:
    if isinstance(value, dict):
        return bytes.fromhex(value["hex"]) if "hex" in value else Decimal(value["number"])
    return [_given(each) for each in value] if isinstance(value, list) else value
