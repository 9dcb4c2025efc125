"""Whether a database can grow."""

import os
import sqlite3
from pathlib import Path
from typing import Final

from tillway.adapters.stores.sqlite.faults import unavailable

_LEAST_ON_DISK: Final = 1024 * 1024
"""Bytes: a commit that many units share writes some hundreds of pages."""

_LEAST_PAGES: Final = 16


def check_disk(path: Path) -> None:
    """Raise Unavailable, with the path, where its disk is as good as full."""
    disk = os.statvfs(path.parent)
    if disk.f_bavail * disk.f_frsize < _LEAST_ON_DISK:
        raise unavailable(f"{path} is on a disk that is full")


def check_room(path: Path, sql: sqlite3.Connection) -> None:
    """Raise Unavailable where disk or database are as good as full."""
    check_disk(path)
    if _pages_left(sql) < _LEAST_PAGES:
        raise unavailable("is full")


def _pages_left(sql: sqlite3.Connection) -> int:
    most, used, free = (
        int(sql.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("max_page_count", "page_count", "freelist_count")
    )
    return most - used + free
