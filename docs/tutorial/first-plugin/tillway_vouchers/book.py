"""The book of vouchers: what each is worth, and when it was spent.

Codes are not in it, only their digests: whoever reads the file can spend nothing.
"""

import base64
import hashlib
import re
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from attrs import frozen

_CODE = re.compile(r"[A-Z2-7]{26}")
_TABLE = """
    CREATE TABLE IF NOT EXISTS vouchers (
        digest TEXT PRIMARY KEY,
        worth INTEGER NOT NULL CHECK (worth > 0),
        asset TEXT NOT NULL,
        spent_at TEXT
    ) STRICT
"""


@frozen(kw_only=True)
class Voucher:
    """A voucher as it stands; ``worth`` is in minor units of ``asset``."""

    worth: int
    asset: str
    spent: bool


@frozen
class Book:
    """One SQLite file, shared by all processes of a gateway. Its methods block."""

    path: Path

    def create(self) -> None:
        """Make the file if it is not there. A repeat does nothing."""
        with self._opened() as file:
            file.execute(_TABLE)

    def issue(self, worth: int, asset: str) -> str:
        """Write a new voucher and give its code, which nobody can be told again."""
        code = base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=")
        with self._opened() as file:
            row = (digest(code), worth, asset)
            file.execute("INSERT INTO vouchers (digest, worth, asset) VALUES (?, ?, ?)", row)
        return code

    def find(self, digest: str) -> Voucher | None:
        """Give a voucher by its digest."""
        with self._opened() as file:
            row = file.execute(
                "SELECT worth, asset, spent_at FROM vouchers WHERE digest = ?", (digest,)
            ).fetchone()
        return Voucher(worth=row[0], asset=row[1], spent=row[2] is not None) if row else None

    def spend(self, digest: str) -> bool:
        """Mark a voucher as spent and tell whether it is there.

        The first time counts and a repeat changes nothing, whoever asks and however many at
        once: it is one statement.
        """
        with self._opened() as file:
            done = file.execute(
                "UPDATE vouchers SET spent_at = coalesce(spent_at, datetime()) WHERE digest = ?",
                (digest,),
            )
        return done.rowcount == 1

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.path, timeout=5)) as file, file:
            yield file


def normal(text: str) -> str | None:
    """Give a code as it was issued, however it was typed; None for what is no code."""
    code = text.replace("-", "").replace(" ", "").upper()
    return code if _CODE.fullmatch(code) else None


def digest(code: str) -> str:
    """Give the 64 hexadecimal digits by which a voucher is known."""
    return hashlib.sha256(f"tillway-vouchers 1 {code}".encode()).hexdigest()
