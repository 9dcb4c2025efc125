"""Try to start stores in a folder that may not be written to; says how each is refused.

As root nothing is read-only, so the rights are given up first.
"""

import asyncio
import os
import tempfile
from pathlib import Path

from tillway.adapters.stores.sqlite import SqliteStore
from tillway.core.errors import Unavailable

_NOBODY = 65534


async def _try(name: str, database: Path) -> None:
    store = SqliteStore(database, patience=0.5)
    try:
        await store.start()
    except Unavailable as refused:
        print(f"{name}: {refused.message}")
    else:
        print(f"{name}: it started")
        await store.aclose()


async def _make(database: Path) -> None:
    store = SqliteStore(database)
    await store.start()
    await store.aclose()


def main() -> None:
    """Make a store, take the right to write away, and try."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asyncio.run(_make(folder / "known.db"))
        (folder / "known.db").chmod(0o400)
        if os.geteuid() == 0:
            _become_nobody(folder, folder / "known.db")
        folder.chmod(0o500)
        asyncio.run(_try("new", folder / "new.db"))
        asyncio.run(_try("known", folder / "known.db"))
        folder.chmod(0o700)


def _become_nobody(*owned: Path) -> None:
    for path in owned:
        os.chown(path, _NOBODY, _NOBODY)
    os.setgid(_NOBODY)
    os.setuid(_NOBODY)


if __name__ == "__main__":
    main()
