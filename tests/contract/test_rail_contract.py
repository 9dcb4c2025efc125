"""The contract for rails catches what it is there to catch."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

import pytest

_BROKEN: Final = Path(__file__).with_name("broken_rails.py")
_ROOT: Final = _BROKEN.parents[2]

SOUND: Final = ("TestCheques", "TestClears")

CAUGHT: Final[Mapping[str, frozenset[str]]] = {
    "TestSpendsEveryTime": frozenset(
        {"test_sending_again_moves_nothing", "test_sending_at_once_moves_money_once"}
    ),
    "TestKeysByBytes": frozenset({"test_two_proofs_of_one_payment_have_one_key"}),
    "TestBelievesClients": frozenset({"test_a_clients_words_do_not_change_the_key"}),
    "TestTakesSilenceForFailure": frozenset({"test_a_lost_reply_is_no_failure"}),
    "TestGivesUpEarly": frozenset({"test_looking_before_sending_proves_nothing"}),
    "TestRaisesAfterSending": frozenset({"test_a_lost_reply_is_no_failure"}),
    "TestSpendsOnCheck": frozenset({"test_checking_spends_nothing"}),
    "TestTakesMore": frozenset({"test_another_amount_is_declined"}),
    "TestStumbles": frozenset({"test_what_is_malformed_is_declined"}),
    "TestTakesBackWhatIsLate": frozenset({"test_what_is_not_there_is_missing_and_not_gone"}),
    "TestIsNeverSure": frozenset({"test_only_what_can_be_asked_about_is_not_final"}),
    "TestBlamesTheBuyer": frozenset({"test_nobody_is_refused_for_silence"}),
}
"""Which law each broken rail must be caught by."""


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, set[str]]:
    """Try the contract on every rail of the module, and give the laws that each failed."""
    report = tmp_path_factory.mktemp("contract") / "report.xml"
    arguments = ["-q", "-p", "no:cacheprovider", "--tb=no", f"--junitxml={report}"]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments, "-k", "not anything_at_all", str(_BROKEN)],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1, run.stdout + run.stderr
    found: dict[str, set[str]] = {}
    for case in ET.parse(report).iter("testcase"):
        laws = found.setdefault(case.attrib["classname"].rpartition(".")[2], set())
        if case.find("failure") is not None or case.find("error") is not None:
            laws.add(case.attrib["name"])
    return found


class TestRailContract:
    @pytest.mark.parametrize("rail", SOUND)
    def test_a_sound_rail_passes(self, rail: str, failed: Mapping[str, set[str]]) -> None:
        """The rails that the others are made of keep every law."""
        assert failed[rail] == set()

    @pytest.mark.parametrize("rail", CAUGHT)
    def test_a_broken_rail_is_caught(self, rail: str, failed: Mapping[str, set[str]]) -> None:
        """By the law that it breaks."""
        assert failed[rail] >= CAUGHT[rail]

    def test_every_rail_was_tried(self, failed: Mapping[str, set[str]]) -> None:
        """No broken rail is left out of the table."""
        assert failed.keys() == {*SOUND, *CAUGHT}
