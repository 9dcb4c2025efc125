"""The shape of the source tree, and of the wheel that is made of it."""

import ast
import configparser
import email
import re
import zipfile
from collections.abc import Iterator
from email.message import Message
from pathlib import Path

import pytest

from support.wheels import ROOT, build_wheel
from tillway.entrypoints.version import RECORD, version

SLICES = ("core", "adapters", "plugins", "entrypoints")


def sources(name: str) -> Iterator[Path]:
    """Give the files of a slice, but for those that Python has made."""
    for path in sorted((ROOT / name / "tillway").rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path


def decides(function: ast.AST) -> bool:
    """Tell whether a function goes one way or another, or round and round."""
    ways = (ast.If, ast.For, ast.While, ast.Try, ast.Match, ast.AsyncFor)
    return any(isinstance(each, ways) for each in ast.walk(function))


class TestSource:
    @pytest.mark.parametrize("name", SLICES)
    def test_the_namespace_has_no_module_of_its_own(self, name: str) -> None:
        """It would hide the other slices where they are installed from this tree."""
        root = ROOT / name
        beside = {"tillway_pytest.py"} if name == "core" else set()
        assert {path.name for path in root.iterdir()} - {"__pycache__"} == {"tillway", *beside}
        inside = {path.name for path in (root / "tillway").iterdir()}
        assert inside - {"__pycache__"} == {name}

    @pytest.mark.parametrize("name", SLICES)
    def test_every_slice_is_typed(self, name: str) -> None:
        """Type checkers of others look for the mark."""
        assert (ROOT / name / "tillway" / name / "py.typed").read_text() == ""

    @pytest.mark.parametrize("name", SLICES)
    def test_every_package_says_what_it_is(self, name: str) -> None:
        """Folders with modules are packages, and a package has a docstring."""
        folders = {path.parent for path in sources(name) if path.suffix == ".py"}
        for folder in folders:
            package = folder / "__init__.py"
            assert package.is_file(), f"{folder} has no __init__.py"
            assert ast.get_docstring(ast.parse(package.read_text())), f"{package} says nothing"

    def test_a_package_that_names_its_modules_names_all(self) -> None:
        """What sets each apart stands in one place; whoever adds one adds a line there."""
        services = ROOT / "core" / "tillway" / "core" / "services"
        for package in services.glob("*/__init__.py"):
            said = ast.get_docstring(ast.parse(package.read_text())) or ""
            if "\n* ``" not in said:
                continue
            modules = {path.stem for path in package.parent.glob("*.py")} - {"__init__"}
            assert modules == set(re.findall(r"``(\w+)``: ", said)), package.parent

    @pytest.mark.parametrize("name", SLICES)
    def test_no_function_is_longer_than_can_be_seen(self, name: str) -> None:
        """45 lines at most, unless it decides nothing: a table may be as long as it is."""
        long = {
            f"{path}:{each.lineno} {each.name}"
            for path in sources(name)
            if path.suffix == ".py"
            for each in ast.walk(ast.parse(path.read_text()))
            if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
            if (each.end_lineno or 0) - each.lineno >= 45 and decides(each)
        }
        assert long == set()

    @pytest.mark.parametrize("name", SLICES)
    def test_no_module_is_longer_than_can_be_read(self, name: str) -> None:
        """400 lines at most."""
        modules = [path for path in sources(name) if path.suffix == ".py"]
        long = {str(path) for path in modules if len(path.read_text().splitlines()) > 400}
        assert long == set()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Build the wheel of this tree."""
    return zipfile.ZipFile(build_wheel(ROOT, tmp_path_factory.mktemp("wheel")))


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> Message:
    """Read what the wheel says of itself."""
    return email.message_from_string(read(wheel, "METADATA"))


@pytest.fixture(scope="module")
def points(wheel: zipfile.ZipFile) -> configparser.ConfigParser:
    """Read its entry points."""
    found = configparser.ConfigParser()
    found.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their case
    found.read_string(read(wheel, "entry_points.txt"))
    return found


def read(wheel: zipfile.ZipFile, name: str) -> str:
    """Read a file of the wheel's dist-info."""
    (found,) = [each for each in wheel.namelist() if each.endswith(f".dist-info/{name}")]
    return wheel.read(found).decode()


def required_by(metadata: Message, extra: str) -> set[str]:
    """Give what an extra requires."""
    parts = (each.partition("; extra == ") for each in metadata.get_all("Requires-Dist", []))
    return {wanted for wanted, _, which in parts if which.strip("'\"") == extra}


class TestWheel:
    def test_it_holds_the_four_slices_and_nothing_else(self, wheel: zipfile.ZipFile) -> None:
        """Every file of each, marks included, and pytest's door; no tests, no documentation."""
        made = {f"tillway/entrypoints/{RECORD}", "tillway_pytest.py"}
        inside = {name for name in wheel.namelist() if ".dist-info/" not in name} - made
        expected = {str(path.relative_to(ROOT / name)) for name in SLICES for path in sources(name)}
        assert inside == expected

    def test_what_is_not_python_is_there_too(self, wheel: zipfile.ZipFile) -> None:
        """Marks of four slices, and each store's migrations, which are numbered without gaps."""
        names = [Path(name) for name in wheel.namelist()]
        assert sum(name.name == "py.typed" for name in names) == len(SLICES)
        migrations = sorted(name for name in names if name.suffix == ".sql")
        assert migrations
        for folder in {name.parent for name in migrations}:
            numbers = [int(name.name[:4]) for name in migrations if name.parent == folder]
            assert numbers == list(range(1, len(numbers) + 1))

    def test_the_namespace_has_no_module_of_its_own(self, wheel: zipfile.ZipFile) -> None:
        """Here too, so that others' slices would be found beside ours."""
        assert "tillway/__init__.py" not in wheel.namelist()

    def test_the_licence_is_in_it(self, wheel: zipfile.ZipFile) -> None:
        """As it stands in the tree."""
        assert read(wheel, "licenses/LICENSE") == (ROOT / "LICENSE").read_text()

    def test_it_says_what_it_is(self, metadata: Message) -> None:
        """Name, version, licence, which Python, and what the index shows."""
        assert metadata["Name"] == "tillway"
        assert metadata["Version"] == version()
        assert metadata["License-Expression"] == "MIT"
        assert metadata["Requires-Python"] == ">=3.11"
        assert metadata["Summary"]
        assert "Typing :: Typed" in metadata.get_all("Classifier", [])
        assert metadata.get_payload() == (ROOT / "README.md").read_text()

    def test_all_means_all(self, metadata: Message) -> None:
        """The extra `all` requires what the others require together that the gateway runs with."""
        extras = set(metadata.get_all("Provides-Extra", []))
        others = [required_by(metadata, extra) for extra in extras - {"all", "contracts"}]
        assert others
        assert required_by(metadata, "all") == set().union(*others)

    def test_solana_is_only_an_extra(self, metadata: Message) -> None:
        """A gateway without that rail installs none of it."""
        found = {re.split("[<>]", each)[0] for each in required_by(metadata, "solana")}
        assert found == {"segno", "solana", "solders"}
        for each in metadata.get_all("Requires-Dist", []):
            assert "extra == " in each or not each.startswith(tuple(found))

    def test_entry_points_lead_to_modules(
        self, wheel: zipfile.ZipFile, points: configparser.ConfigParser
    ) -> None:
        """Every plugin's, the command's, and that of pytest's plugin."""
        names = set(wheel.namelist())
        assert dict(points["pytest11"]) == {"tillway": "tillway_pytest"}
        assert "tillway_pytest.py" in names
        assert dict(points["console_scripts"]) == {"tillway": "tillway.entrypoints.cli:main"}
        for name, module in points["tillway"].items():
            assert f"{module.replace('.', '/')}.py" in names, f"{name} leads nowhere"

    def test_pytest_takes_no_strangers_module_for_ours(self, wheel: zipfile.ZipFile) -> None:
        """It rewrites what is at the top of the wheel; were nothing there, it would look deeper."""
        tops = {name for name in wheel.namelist() if "/" not in name}
        assert tops == {"tillway_pytest.py"}

    def test_one_plugin_has_one_name(self, points: configparser.ConfigParser) -> None:
        """Nothing of ours is offered twice."""
        modules = list(points["tillway"].values())
        assert len(set(modules)) == len(modules)
