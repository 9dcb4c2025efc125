"""Which Tillway this is, wherever it came from."""

from importlib.metadata import version as installed_version
from pathlib import Path

import pytest

from tillway.entrypoints.version import UNKNOWN, Build, build, build_of, version

COMMIT = "8267a0719aecf15f049d95d6e05b5e08b074d06f"
OTHER = "1" * 40


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Give the folder of a package in a source tree."""
    folder = tmp_path / "entrypoints" / "tillway" / "entrypoints"
    folder.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "7.7.7"\n')
    return folder


@pytest.fixture
def git(tmp_path: Path) -> Path:
    """Give the folder of a repository that stands at a branch."""
    folder = tmp_path / ".git"
    (folder / "refs" / "heads").mkdir(parents=True)
    (folder / "HEAD").write_text("ref: refs/heads/main\n")
    (folder / "refs" / "heads" / "main").write_text(COMMIT + "\n")
    return folder


class TestVersion:
    def test_is_that_of_the_distribution(self) -> None:
        """Whatever else is known."""
        assert version() == build().version == installed_version("tillway")


class TestBuilt:
    def test_a_record_says_everything(self, package: Path, tmp_path: Path, git: Path) -> None:
        """It wins over git, which may have gone on."""
        record = 'version = "1.2.3"\ncommit = "abc"\nbuilt_at = "2026-11-20T12:00:00Z"\n'
        (package / "build.toml").write_text(record)
        built = Build(version="1.2.3", commit="abc", built_at="2026-11-20T12:00:00Z")
        assert build_of(package, tmp_path) == built

    def test_an_installed_package_without_one_knows_its_version(self, package: Path) -> None:
        """And nothing else."""
        found = build_of(package, None)
        assert (found.version, found.commit) == (version(), UNKNOWN)


class TestSourceTree:
    def test_a_branch(self, package: Path, tmp_path: Path, git: Path) -> None:
        """The commit is the branch's."""
        assert build_of(package, tmp_path).commit == COMMIT

    def test_a_packed_branch(self, package: Path, tmp_path: Path, git: Path) -> None:
        """As git keeps it after a while."""
        (git / "refs" / "heads" / "main").unlink()
        lines = [
            "# pack-refs with: peeled",
            f"{OTHER} refs/heads/x-main",
            f"{COMMIT} refs/heads/main",
        ]
        (git / "packed-refs").write_text("\n".join(lines))
        assert build_of(package, tmp_path).commit == COMMIT

    def test_a_detached_head(self, package: Path, tmp_path: Path, git: Path) -> None:
        """As builds check it out."""
        (git / "HEAD").write_text(COMMIT + "\n")
        assert build_of(package, tmp_path).commit == COMMIT

    def test_a_linked_work_tree(self, package: Path, tmp_path: Path) -> None:
        """Its branch is kept in the main one's folder."""
        main = tmp_path / "main" / ".git"
        linked = main / "worktrees" / "linked"
        linked.mkdir(parents=True)
        (linked / "HEAD").write_text("ref: refs/heads/topic\n")
        (linked / "commondir").write_text("../..\n")
        (main / "refs" / "heads").mkdir(parents=True)
        (main / "refs" / "heads" / "topic").write_text(COMMIT)
        (tmp_path / ".git").write_text(f"gitdir: {linked}\n")
        assert build_of(package, tmp_path).commit == COMMIT

    def test_without_git(self, package: Path, tmp_path: Path) -> None:
        """Nothing is made up."""
        assert build_of(package, tmp_path).commit == UNKNOWN

    def test_a_repository_without_commits(self, package: Path, tmp_path: Path, git: Path) -> None:
        """Its branch does not exist yet."""
        (git / "refs" / "heads" / "main").unlink()
        assert build_of(package, tmp_path).commit == UNKNOWN
