"""``tillway reconcile`` on a store beside a sandbox that runs, and on one with an error in it."""

import json
from collections.abc import Sequence
from pathlib import Path

from support.command import Done, tillway, write_settings
from support.place import Place
from support.planted import PLANTS, arrive
from tillway.adapters.stores.sqlite import SqliteStore
from tillway.core.contracts.samples.payments import payment, settled
from tillway.core.services.reconciling.findings import Kind


async def store_with(file: Path, kinds: Sequence[Kind]) -> None:
    """Make a store with a sound payment and these errors."""
    store = SqliteStore(file)
    await store.start()
    async with store.begin() as unit:
        await arrive(unit, settled(payment("sound")))
        for kind in kinds:
            await PLANTS[kind](unit)
    await store.aclose()


def reconciled(folder: Path, *words: object) -> Done:
    """Reconcile the store in a folder."""
    settings = write_settings(
        folder, {"storage": {"backend": "file", "file_path": str(folder / "tillway.db")}}
    )
    return tillway("reconcile", "-c", settings, *words, folder=folder)


class TestReconcile:
    def test_a_sandbox_agrees_with_its_chain(self, tmp_path: Path, place: Place) -> None:
        """While it runs."""
        settings = place.settings(tmp_path)
        done = place.run("reconcile", "-c", settings, folder=tmp_path)
        assert (done.code, done.err) == (0, "")
        assert "everything agrees" in done.out

    async def test_sound_books_agree(self, tmp_path: Path) -> None:
        """What was compared is counted."""
        await store_with(tmp_path / "tillway.db", [])
        done = reconciled(tmp_path)
        assert (done.code, done.err) == (0, "")
        assert "compared 2 facts, 1 payments" in done.out
        assert done.out.splitlines()[-1] == "everything agrees"

    async def test_a_difference_is_told_with_its_ids(self, tmp_path: Path) -> None:
        """In a line each, with a sum by kind, and exit code 1."""
        await store_with(tmp_path / "tillway.db", [Kind.ENTRY_MISSING])
        done = reconciled(tmp_path)
        assert done.code == 1
        first, *_, last = done.out.splitlines()
        assert first.startswith("entry-missing: payment signature-a: 0.050000 USDC has no entry")
        assert last == "1 entry-missing"

    async def test_scripts_get_json(self, tmp_path: Path) -> None:
        """One object a line, and nothing else."""
        await store_with(tmp_path / "tillway.db", [Kind.FACT_MISSING])
        done = reconciled(tmp_path, "--json", "--no-books")
        [found] = [json.loads(line) for line in done.out.splitlines()]
        assert (done.code, found["kind"]) == (1, "fact-missing")
        assert found["about"] == "payment signature-a"

    async def test_a_window_can_be_chosen(self, tmp_path: Path) -> None:
        """By moments, or by how long ago they were."""
        await store_with(tmp_path / "tillway.db", [Kind.ENTRY_MISSING])
        outside = reconciled(tmp_path, "--since", "24h", "--until", "2036-01-01")
        assert outside.code == 0
        within = reconciled(tmp_path, "--since", "2026-01-02T03:00", "--until", "2026-01-02T03:05")
        assert within.code == 1

    async def test_the_present_can_be_told(self, tmp_path: Path) -> None:
        """A window is so long before it, and what was younger than a minute is left alone."""
        await store_with(tmp_path / "tillway.db", [Kind.ENTRY_MISSING])
        codes = {
            now: reconciled(tmp_path, "--now", now, "--since", "24h").code
            for now in ("2026-01-01", "2026-01-03", "2026-01-05")
        }
        assert list(codes.values()) == [0, 1, 0]

    def test_no_moment_is_refused(self, tmp_path: Path) -> None:
        """In one line."""
        done = reconciled(tmp_path, "--since", "soon")
        assert (done.code, len(done.said)) == (2, 1)

    def test_the_memory_store_has_nothing_to_compare(self, tmp_path: Path) -> None:
        """It is its process's own."""
        settings = write_settings(tmp_path, {"storage": {"backend": "memory"}})
        done = tillway("reconcile", "-c", settings, folder=tmp_path)
        assert done.code == 2
        assert "memory store" in done.err
