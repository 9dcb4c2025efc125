"""What a build leaves of itself, for `tillway version`."""

import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import Final

import pytest

from support.pages import ROOT

PYPROJECT: Final = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "tillway"
version = "9.8.7"

[tool.hatch.build.hooks.custom]

[tool.hatch.build.targets.wheel]
packages = ["entrypoints/tillway"]
"""
IN_WHEEL: Final = "tillway/entrypoints/build.toml"
_ENVIRONMENT: Final = {"PYTHONDONTWRITEBYTECODE": "1"}
EPOCH: Final = {"SOURCE_DATE_EPOCH": "1790000000"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Give a project of ours that is as small as can be, with our build hook."""
    folder = tmp_path / "project"
    package = folder / "entrypoints" / "tillway" / "entrypoints"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (folder / "pyproject.toml").write_text(PYPROJECT)
    shutil.copy(ROOT / "hatch_build.py", folder)
    return folder


def built(project: Path, target: str, **variables: str) -> Path:
    """Build a wheel or a source distribution."""
    place = project.parent / f"{target}s"
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", place],
        cwd=project,
        env={
            "PATH": os.environ["PATH"],
            **_ENVIRONMENT,
            "TMPDIR": str(project.parent),
            **variables,
        },
        capture_output=True,
        check=True,
    )
    (made,) = place.iterdir()
    return made


def record_in(wheel: Path) -> dict[str, object]:
    """Read what a wheel says of itself."""
    with zipfile.ZipFile(wheel) as opened:
        return tomllib.loads(opened.read(IN_WHEEL).decode())


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder, as nobody in particular."""
    nobody = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.com"]
    command = ["git", *nobody, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


class TestWheel:
    def test_it_has_version_commit_and_time(self, project: Path) -> None:
        """As the environment of the build gives them."""
        wheel = built(project, "wheel", TILLWAY_COMMIT="abc123", **EPOCH)
        assert record_in(wheel) == {
            "version": "9.8.7",
            "commit": "abc123",
            "built_at": "2026-09-21T14:13:20Z",
        }

    @pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")
    def test_the_commit_is_that_of_the_repository(self, project: Path) -> None:
        """If nobody says otherwise."""
        git(project, "init", "-q")
        git(project, "add", ".")
        git(project, "commit", "-q", "-m", "Begin")
        assert record_in(built(project, "wheel"))["commit"] == git(project, "rev-parse", "HEAD")

    def test_without_a_repository_the_commit_is_unknown(self, project: Path) -> None:
        """And the build goes on."""
        found = record_in(built(project, "wheel", GIT_CEILING_DIRECTORIES=str(project.parent)))
        assert found["commit"] == "unknown"

    def test_the_source_tree_stays_as_it_was(self, project: Path) -> None:
        """Nor is anything left elsewhere."""
        before = sorted(project.rglob("*"))
        built(project, "wheel", **EPOCH)
        assert [path for path in sorted(project.rglob("*")) if path not in before] == []
        assert list(project.parent.glob("tillway-build-*")) == []


class TestSourceDistribution:
    def test_a_wheel_made_from_it_keeps_its_record(self, project: Path, tmp_path: Path) -> None:
        """Whoever builds later has no repository."""
        source = built(project, "sdist", TILLWAY_COMMIT="abc123", **EPOCH)
        with tarfile.open(source) as opened:
            opened.extractall(tmp_path / "unpacked", filter="data")
        unpacked = tmp_path / "unpacked" / "tillway-9.8.7"
        wheel = built(unpacked, "wheel", TILLWAY_COMMIT="other")
        assert record_in(wheel)["commit"] == "abc123"
