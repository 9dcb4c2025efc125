"""`tillway serve` in a process of its own, over a real chain, seen from outside only."""

import re
import sqlite3
import subprocess
import sysconfig
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from attrs import field, frozen

from support.chain import Wallet, funded
from support.chain_thread import ThreadedChain, chain_in_thread
from support.raw_http import Wire
from support.shop import settings_text

_LINE: Final = re.compile(r"listens on http://127\.0\.0\.1:(\d+)")
_START: Final = 30.0
_STOP: Final = 20.0
_TABLES: Final = ("payments", "tallies", "events")


@frozen(kw_only=True)
class Wealth:
    """What could have moved: rows of the store, and who has how much on chain."""

    rows: Mapping[str, int]
    merchant: int
    sponsor: int


@frozen(kw_only=True)
class Gateway:
    """A gateway that runs, its chain, its merchant and its sponsor."""

    address: tuple[str, int]
    process: "subprocess.Popen[bytes]" = field(repr=False)
    chain: ThreadedChain = field(repr=False)
    merchant: Wallet
    sponsor: Wallet
    folder: Path
    wire: Wire = field(repr=False)

    @property
    def database(self) -> Path:
        """Its store."""
        return self.folder / "tillway.db"

    def log(self) -> str:
        """Give all that it has logged."""
        return (self.folder / "log").read_text()

    def buyer(self, usdc: int, sol: float = 0) -> Wallet:
        """Make a wallet with so many units, and so much SOL."""
        return self.chain.do(lambda chain: funded(chain, usdc, sol))

    def wealth(self) -> Wealth:
        """Take stock."""
        with closing(sqlite3.connect(self.database)) as store:
            rows = {name: _count(store, name) for name in _TABLES}
        merchant, sponsor = self.merchant, self.sponsor
        return Wealth(
            rows=rows,
            merchant=self.chain.do(merchant.balance),
            sponsor=self.chain.do(lambda chain: chain.lamports(sponsor.address)),
        )

    def resident(self) -> int:
        """Give the bytes of memory that the process occupies."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) * 1024


@contextmanager
def served(folder: Path, **changes: Mapping[str, Any]) -> Iterator[Gateway]:
    """Serve a gateway until the block ends; ``changes`` are settings by section."""
    with chain_in_thread() as chain:
        merchant, sponsor = chain.do(funded), chain.do(lambda each: funded(each, sol=10))
        settings = _settings(folder, chain, merchant, changes)
        with _running(folder, settings, sponsor) as process:
            address = ("127.0.0.1", _port(process, folder))
            wire = Wire(address)
            try:
                yield Gateway(
                    address=address,
                    process=process,
                    chain=chain,
                    merchant=merchant,
                    sponsor=sponsor,
                    folder=folder,
                    wire=wire,
                )
            finally:
                wire.close()


def _count(store: sqlite3.Connection, table: str) -> int:
    return int(store.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def _settings(
    folder: Path, chain: ThreadedChain, merchant: Wallet, changes: Mapping[str, Mapping[str, Any]]
) -> Path:
    text = settings_text(
        chain.node,
        merchant,
        storage={"backend": "file", "file_path": str(folder / "tillway.db")},
        **{"server": {"address": "127.0.0.1:0"}, **changes},
    )
    file = folder / "tillway.yaml"
    file.write_text(text)
    return file


@contextmanager
def _running(folder: Path, settings: Path, sponsor: Wallet) -> Iterator["subprocess.Popen[bytes]"]:
    tillway = Path(sysconfig.get_path("scripts")) / "tillway"
    environment = {"PATH": "/usr/bin:/bin", "X402_SERVER_WALLET_1": str(sponsor.keypair)}
    with (folder / "log").open("wb") as log, (folder / "out").open("wb") as out:
        process = subprocess.Popen(
            [tillway, "serve", "--config", settings],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=log,
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(_STOP)


def _port(process: "subprocess.Popen[bytes]", folder: Path) -> int:
    until = time.monotonic() + _START
    while time.monotonic() < until and process.poll() is None:
        found = _LINE.search((folder / "out").read_text())
        if found is not None:
            return int(found[1])
        time.sleep(0.02)
    raise RuntimeError(f"the gateway does not listen:\n{(folder / 'log').read_text()}")
