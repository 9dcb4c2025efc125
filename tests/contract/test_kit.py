"""The kit catches stores and rails that are broken, and says which law they break."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest
from attrs import frozen

_CONTRACT: Final = Path(__file__).parent
_TESTS: Final = _CONTRACT.parent
_SETTINGS: Final = """[pytest]
asyncio_default_fixture_loop_scope = function
filterwarnings = error
addopts = -p no:cacheprovider
"""
SOUND: Final = "tillway.adapters.stores.memory:MemoryStore"


@frozen(kw_only=True)
class Ran:
    """A session of pytest that has ended: what it printed, and its exit code."""

    out: str
    err: str
    code: int

    @property
    def broken(self) -> Mapping[str, str]:
        """Give the laws that its reports call broken, with what they say."""
        lines = [line.strip() for line in self.out.splitlines()]
        said = [line.removeprefix("BROKEN ").strip() for line in lines if line.startswith("BROKEN")]
        return {law.partition(" [")[0]: says for law, _, says in (s.partition(": ") for s in said)}


def kit(folder: Path, *arguments: str) -> Ran:
    """Run pytest in a folder that is empty but for settings, as an outsider does."""
    (folder / "pytest.ini").write_text(_SETTINGS)
    command = [sys.executable, "-m", "pytest", f"--basetemp={folder / 'temporary'}", *arguments]
    run = subprocess.run(
        command,
        cwd=folder,
        env={"PYTHONPATH": f"{_CONTRACT}:{_TESTS}", "PATH": "/usr/bin:/bin", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    return Ran(out=run.stdout, err=run.stderr, code=run.returncode)


STORES: Final = {
    "ForgetsOwners": ("EndingLaws", "only its owner ends a payment"),
    "LeaksATenant": ("TenantLaws", "tenants are kept apart"),
    "CapturesTwice": ("HoldLaws", "what has ended is not captured"),
    "BooksTwice": ("EntryLaws", "an entry is posted once"),
    "PaysBackTooMuch": ("RefundLaws", "refunds meet their limit and do not pass it"),
    "UsesTwice": ("NonceLaws", "of uses at once one is the use"),
    "PassesLimits": ("ReservationLaws", "a raced limit is met exactly"),
    "LeasesToTwo": ("TurnLaws", "a lease is one processes"),
    "RunsTwo": ("SubscriptionLaws", "a subscriber has one that runs"),
    "TellsAnyway": ("EndingLaws", "an end is written with its facts"),
    "KeepsHalves": ("UnitLaws", "a unit that ends in an exception is not written"),
    "SeesTwoMoments": ("UnitLaws", "a view sees one moment"),
    "LeavesGaps": ("SealLaws", "places are given all or none"),
    "ForgetsTheArchive": ("ArchiveLaws", "an archived key stays taken"),
}
"""By which law each broken store must be caught, and in which class that is."""

RAILS: Final = {
    "SpendsEveryTime": "sending again moves nothing",
    "KeysByBytes": "two proofs of one payment have one key",
    "TakesSilenceForFailure": "a lost reply is no failure",
    "TakesMore": "another amount is declined",
    "TakesBackWhatIsLate": "what is not there is missing and not gone",
}
"""By which law the kit must catch a broken rail; ``test_rail_contract`` tries more of them."""


class TestStores:
    @pytest.mark.parametrize("store", STORES)
    def test_a_broken_store_is_caught(self, store: str, tmp_path: Path) -> None:
        """By the law that it breaks, which the report names with what it says."""
        subject, law = STORES[store]
        ran = kit(tmp_path, f"--tillway-store=broken_stores:{store}", "-q", "--tb=no", "-k", subject)
        assert ran.code == 1, ran.out + ran.err
        assert ran.broken.get(law, "").endswith("."), ran.out

    def test_a_sound_store_passes(self, tmp_path: Path) -> None:
        """The store that they are made of keeps every law."""
        ran = kit(tmp_path, f"--tillway-store={SOUND}", "-q", "-W", "error")
        assert ran.code == 0, ran.out + ran.err
        assert ran.broken == {}
        assert ran.out.splitlines()[-2].endswith(" hold, 0 do not, 0 not tried")
