"""What SQLite's write-ahead log tells of commits."""

from pathlib import Path


def commits(database: Path) -> int:
    """Count the frames that end a transaction (https://sqlite.org/fileformat.html#walformat)."""
    raw = Path(f"{database}-wal").read_bytes()
    page = int.from_bytes(raw[8:12], "big")
    frames = range(32, len(raw) - page, 24 + page)
    return sum(int.from_bytes(raw[at + 4 : at + 8], "big") > 0 for at in frames)
