"""Where a sandbox keeps itself: chain, Stripe account, wallets, clock, the gateway's database."""

import asyncio
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Final

import yaml
from attrs import define, frozen
from solders.keypair import Keypair

from tillway.entrypoints.processes.failures import CannotStart
from tillway.entrypoints.sandbox.chain import BadSnapshot, Chain, load, save
from tillway.entrypoints.sandbox.clock import VirtualClock
from tillway.entrypoints.sandbox.stage import CLUSTER, Wallets
from tillway.entrypoints.sandbox.stripe import Account
from tillway.entrypoints.sandbox.stripe import load as load_account
from tillway.entrypoints.sandbox.stripe import save as save_account

SHORTEST_PAUSE: Final = 2.0
"""Seconds between two savings of what changes: what a kill can cost."""

_SHARE: Final = 20
"""Saving takes at most a twentieth of the time."""


@frozen(kw_only=True)
class Pieces:
    """What of a sandbox is kept, beside the gateway's database and the wallets."""

    chain: Chain
    account: Account
    clock: VirtualClock

    @property
    def changes(self) -> int:
        """Grows with everything that happens."""
        return self.chain.changes + self.account.shelves.changes


@frozen
class Folder:
    """A data folder that this process alone uses. Everything in it can be written."""

    path: Path

    @property
    def database(self) -> Path:
        """The gateway's SQLite file."""
        return self.path / "tillway.db"

    @property
    def settings(self) -> Path:
        """Settings by which commands find this sandbox."""
        return self.path / "tillway.yaml"

    @property
    def _chain(self) -> Path:
        return self.path / "chain.bin"

    @property
    def _stripe(self) -> Path:
        return self.path / "stripe.bin"

    @property
    def _wallets(self) -> Path:
        return self.path / "wallets.yaml"

    @property
    def _clock(self) -> Path:
        return self.path / "clock"

    def clock(self) -> VirtualClock:
        """Give the clock, as far ahead as it was. Raises CannotStart if that is illegible."""
        if not self._clock.exists():
            return VirtualClock()
        with _legible(self._clock):
            return VirtualClock(timedelta(seconds=float(self._clock.read_text("utf-8"))))

    def chain(self, clock: VirtualClock) -> Chain:
        """Give the chain as it was kept, or a new one. Raises CannotStart if it is damaged."""
        if not self._chain.exists():
            return Chain(clock=clock.seconds, cluster=CLUSTER)
        with _legible(self._chain):
            return load(self._chain.read_bytes(), clock.seconds)

    def account(self, clock: VirtualClock) -> Account:
        """Give the Stripe account as it was kept, or a new one. Raises CannotStart if damaged."""
        if not self._stripe.exists():
            return Account(clock=clock.seconds)
        with _legible(self._stripe):
            return load_account(self._stripe.read_bytes(), clock.seconds)

    def wallets(self) -> Wallets:
        """Give the shop's wallets, made at first. Raises CannotStart if they are illegible."""
        if not self._wallets.exists():
            self._make_wallets()
        with _legible(self._wallets):
            kept = yaml.safe_load(self._wallets.read_text("utf-8"))
            pairs = {name: Keypair.from_base58_string(text) for name, text in kept.items()}
            return Wallets(merchant=pairs["merchant"], sponsor=pairs["sponsor"])

    def _make_wallets(self) -> None:
        fresh = {name: str(Keypair()) for name in ("merchant", "sponsor")}
        _write(self._wallets, yaml.safe_dump(fresh))

    def describe(self, sections: Mapping[str, object]) -> None:
        """Write the settings for commands, afresh in every run: ports and secrets change."""
        _write(self.settings, yaml.safe_dump(sections))

    def save(self, pieces: Pieces) -> None:
        """Keep them for the next run."""
        save(pieces.chain, self._chain)
        save_account(pieces.account, self._stripe)
        _write(self._clock, str(pieces.clock.ahead.total_seconds()))


@contextmanager
def folder(data_dir: Path | None) -> Iterator[Folder]:
    """Open a data folder, making it if need be; None: one that is removed at the end.

    Raises CannotStart if it cannot be written or another sandbox uses it.
    """
    with ExitStack() as stack:
        path = data_dir or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        try:
            path.mkdir(parents=True, exist_ok=True)
            stack.enter_context(_locked(path / "lock"))
        except BlockingIOError:
            raise CannotStart(f"another sandbox uses {path}: stop it, or name another") from None
        except OSError as error:
            message = f"the data folder {path} cannot be written: {error.strerror}"
            raise CannotStart(message) from error
        yield Folder(path)


@define
class Keeper:
    """Saves a sandbox while it changes, so that a kill costs seconds and not everything."""

    folder: Folder
    pieces: Pieces

    async def run(self) -> None:
        """Save whenever something has changed, until cancelled."""
        saved, pause = self.pieces.changes, SHORTEST_PAUSE
        while True:
            await asyncio.sleep(pause)
            if self.pieces.changes == saved:
                continue
            saved, began = self.pieces.changes, time.perf_counter()
            self.folder.save(self.pieces)
            pause = max(SHORTEST_PAUSE, (time.perf_counter() - began) * _SHARE)


def _write(file: Path, text: str) -> None:
    """Write a file whole or not at all, and for its owner's eyes only."""
    made = file.with_suffix(".new")
    made.touch(mode=0o600)
    made.write_text(text, "utf-8")
    made.replace(file)


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    # Closing the file, which a killed process does too, gives the lock back.
    with file.open("a", encoding="ascii") as opened:
        with suppress(ImportError):
            import fcntl

            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


@contextmanager
def _legible(file: Path) -> Iterator[None]:
    try:
        yield
    except (BadSnapshot, ValueError, KeyError, AttributeError, yaml.YAMLError):
        raise CannotStart(
            f"{file} is damaged: remove the data folder {file.parent} to begin anew"
        ) from None
