"""Write what the present stores send: ``cd tests && python -m support.statements``.

Each version of a schema has one file for each store. That of the present version follows the
code; older ones are never written again, since their code is out in the world.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from support.postgres import databases
from support.statements.recording import recorded
from support.statements.records import FOLDER, file_of, written


async def _of_sqlite() -> str:
    with tempfile.TemporaryDirectory() as folder:
        return written(await recorded(f"{folder}/first.db", f"{folder}/second.db"))


async def _of_postgres() -> str:
    with databases() as postgres:
        places = [postgres.server.url(await postgres.fresh(empty=True)) for _ in range(2)]
        return written(await recorded(*(place.reveal() for place in places)))


def _write(kind: str, version: int, text: str) -> None:
    FOLDER.mkdir(exist_ok=True)
    file_of(kind, version).write_text(text, "utf-8")
    print(file_of(kind, version).relative_to(Path.cwd().parent))


def main(*arguments: str) -> None:
    """Write both files; with the word ``sqlite`` write SQLite's to the standard output."""
    from tillway.adapters.stores.postgres import schema as postgres
    from tillway.adapters.stores.sqlite import schema as sqlite

    if arguments == ("sqlite",):
        sys.stdout.write(asyncio.run(_of_sqlite()))
        return
    _write("sqlite", len(sqlite.migrations()), asyncio.run(_of_sqlite()))
    _write("postgres", len(postgres.migrations()), asyncio.run(_of_postgres()))


if __name__ == "__main__":
    main(*sys.argv[1:])
