"""The kit catches stores and rails that are broken, and says which law they break."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest
from attrs import frozen

from contract import broken_stores

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
    "LosesBetweenPages": ("PayerLaws", "pages join at any payment"),
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
        ran = kit(
            tmp_path, f"--tillway-store=broken_stores:{store}", "-q", "--tb=no", "-k", subject
        )
        assert ran.code == 1, ran.out + ran.err
        assert ran.broken.get(law, "").endswith("."), ran.out

    def test_every_broken_store_was_tried(self) -> None:
        """None is left out of the table."""
        made = {
            name: each
            for name, each in vars(broken_stores).items()
            if isinstance(each, type) and each.__module__ == broken_stores.__name__
        }
        public = {name for name in made if not name.startswith(("_", "Altered"))}
        assert public == set(STORES)

    def test_a_sound_store_passes(self, tmp_path: Path) -> None:
        """The store that they are made of keeps every law."""
        ran = kit(tmp_path, f"--tillway-store={SOUND}", "-q", "-W", "error")
        assert ran.code == 0, ran.out + ran.err
        assert ran.broken == {}
        assert ran.out.splitlines()[-2].endswith(" hold, 0 do not, 0 not tried")


class TestRails:
    @pytest.mark.parametrize("rail", RAILS)
    def test_a_broken_rail_is_caught(self, rail: str, tmp_path: Path) -> None:
        """By the law that it breaks."""
        ran = kit(tmp_path, f"--tillway-rail=broken_rails:{rail}.scene", "-q", "--tb=no")
        assert ran.code == 1, ran.out + ran.err
        assert ran.broken.get(RAILS[rail], "").endswith("."), ran.out

    def test_a_sound_rail_passes(self, tmp_path: Path) -> None:
        """What it cannot be tried on is said, with the reason."""
        ran = kit(tmp_path, "--tillway-rail=broken_rails:Clears.scene", "-q")
        assert ran.code == 0, ran.out + ran.err
        assert ran.broken == {}
        lacking = "health is told in time: the rail has not the port HasHealth"
        assert f"    not tried {lacking}\n" in ran.out


class TestPlaces:
    def test_who_acknowledges_first_is_caught(self, tmp_path: Path) -> None:
        """By a kill, and by nothing else: as long as its process lives, the store is sound."""
        ran = kit(tmp_path, "--tillway-store-place=broken_places:AcknowledgesFirst.kept", "-q")
        assert ran.code == 1, ran.out + ran.err
        assert set(ran.broken) == {"what was acknowledged survives a kill"}, ran.out
        assert "was acknowledged and is not there" in ran.out

    def test_what_forgets_is_caught(self, tmp_path: Path) -> None:
        """A store that is gone with its process has no place."""
        ran = kit(tmp_path, f"--tillway-store-place={SOUND}", "-q", "--tb=no", "-k", "opens")
        assert ran.code == 1
        assert set(ran.broken) == {"what was closed opens as it was"}


class TestSession:
    def test_only_the_laws_are_tried_where_no_tests_are_named(self, tmp_path: Path) -> None:
        """Those of an outsider run along if he names them, and choosing works on both."""
        (tmp_path / "test_own.py").write_text("def test_turn_of_my_own(): assert False\n")
        store = f"--tillway-store={SOUND}"
        alone = kit(tmp_path, store, "-k", "turn or Turn", "-v")
        assert alone.code == 0, alone.out
        assert "    holds     a lease is one processes: " in alone.out
        both = kit(tmp_path, "-x", "test_own.py", store, "-k", "turn or Turn")
        assert both.code == 1, both.out
        assert "test_turn_of_my_own" in both.out
        assert "a lease is one processes: the run ended before it" in both.out

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (["--tillway-store=nobody:make"], "--tillway-store: nobody cannot be imported: Module"),
            (["--tillway-rail=broken_rails:MUG"], "broken_rails:MUG is a Product and cannot be"),
            (["--tillway-store=broken_rails:Bank"], "broken_rails:Bank gives a Bank, no Store"),
            ([f"--tillway-store={SOUND}"] * 2, "--tillway-store is given 2 times"),
            ([f"--tillway-store={SOUND}", "-p", "no:asyncio"], "pip install 'tillway[contracts]'"),
        ],
    )
    def test_a_factory_that_is_none_is_one_clear_line(
        self, arguments: list[str], told: str, tmp_path: Path
    ) -> None:
        """And the exit code of a wrong command line."""
        ran = kit(tmp_path, *arguments)
        assert ran.code == pytest.ExitCode.USAGE_ERROR
        (line,) = filter(None, ran.err.splitlines())
        assert line.startswith("ERROR: ")
        assert told in line

    def test_who_does_not_ask_is_not_disturbed(self, tmp_path: Path) -> None:
        """Nothing of the kit is imported or said, where nothing was named."""
        (tmp_path / "test_own.py").write_text(
            "import sys\n"
            "def test_own():\n"
            "    ours = {name for name in sys.modules if name.startswith('tillway.')}\n"
            "    assert ours <= {'tillway.core', 'tillway.core.contracts',"
            " 'tillway.core.contracts.plugin'}\n"
        )
        ran = kit(tmp_path, "-q")
        assert ran.code == 0, ran.out
        assert "laws" not in ran.out
