"""The steps of a schema: one SQL file each, numbered and named by its file's name."""

from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Final

from attrs import frozen

from tillway.core.errors import Code, Unavailable
from tillway.core.ports.upkeep import Step

_END: Final = ".sql"


@frozen(kw_only=True)
class Migration:
    """What leads from one version of the schema to the next."""

    step: Step
    sql: str


@cache
def migrations_of(package: str) -> Sequence[Migration]:
    """Give what leads from an empty place to the present schema, from a package's files."""
    folder = resources.files(package) / "migrations"
    files = sorted(folder.iterdir(), key=lambda file: file.name)
    return [_read(file.name, file.read_text("utf-8")) for file in files if file.name.endswith(_END)]


def behind(place: str, pending: Sequence[Step]) -> Unavailable:
    """Give the error of a schema that is behind and that nobody may bring up to date now."""
    first, last = pending[0].version - 1, pending[-1].version
    text = f"{place} has schema {first}, and {last} is needed: run `tillway migrate`"
    return Unavailable(Code.SERVICE_UNAVAILABLE, f"The store {text}.", retry_after=1.0)


def _read(file: str, sql: str) -> Migration:
    number, _, name = file.removesuffix(_END).partition("_")
    return Migration(step=Step(version=int(number), name=name.replace("_", " ")), sql=sql)
