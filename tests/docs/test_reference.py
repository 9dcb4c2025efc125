"""Pages that are written from the source say what the source says."""

import importlib
import pkgutil
from collections.abc import Iterator

from support.pages import DOCS, Page
from tillway.core import ports
from tillway.core.codes import Code
from tillway.entrypoints.http.reference import render_errors

ERRORS = Page(DOCS / "reference" / "errors.md")
PORTS = Page(DOCS / "reference" / "ports.md")


def protocols() -> Iterator[str]:
    """Name every port of the core."""
    for info in pkgutil.walk_packages(ports.__path__, f"{ports.__name__}."):
        module = importlib.import_module(info.name)
        for name, each in vars(module).items():
            if getattr(each, "_is_protocol", False) and each.__module__ == module.__name__:
                yield name


class TestErrors:
    def test_the_page_is_current(self) -> None:
        """`python -m tillway.entrypoints.http.reference` has written it."""
        assert ERRORS.text == render_errors()

    def test_every_code_has_a_row(self) -> None:
        """With a status."""
        rows = [line.split(" | ") for line in ERRORS.text.splitlines() if line.startswith("| `")]
        statuses = {row[0].strip("| `"): row[1] for row in rows if len(row) == 5}
        assert statuses.keys() == {code.value for code in Code}
        assert all(status.isdigit() for status in statuses.values())


class TestPorts:
    def test_every_port_is_on_the_page(self) -> None:
        """In a table, with what it is for."""
        cells = [line.split("|")[1] for line in PORTS.text.splitlines() if line.startswith("| `")]
        named = {name.strip(" `") for cell in cells for name in cell.split(",")}
        assert named == set(protocols())

    def test_the_ports_are_found(self) -> None:
        """Those of rails and of stores among them."""
        assert {"Offers", "Sends", "Store", "Clock"} <= set(protocols())
