"""A session of pytest that tries laws: collects them, and says at the end what they found."""

import asyncio
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from inspect import isclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any, Final, Self

import pytest
from attrs import define, field, frozen

from tillway.core.contracts.kit.factories import Factory, FactoryError, told
from tillway.core.contracts.kit.report import Report
from tillway.core.contracts.plugin import PLACE, RAIL, STORE

# Read before the laws are: what does not hold is then shown with its values.
_WRITTEN_AS_TESTS: Final = ("stores", "rails", "places", "lives")
pytest.register_assert_rewrite(
    *(
        name
        for each in _WRITTEN_AS_TESTS
        if (name := f"tillway.core.contracts.{each}") not in sys.modules
    )
)

_SUBJECTS: Final = {
    STORE: ("tillway-store", "laws of stores", "tillway.core.contracts.kit.stores"),
    RAIL: ("tillway-rail", "laws of rails", "tillway.core.contracts.kit.rails"),
    PLACE: ("tillway-place", "laws of stores' places", "tillway.core.contracts.kit.places"),
}


class Laws(pytest.Module):
    """A module of laws, collected where it is installed, whatever tests are called here."""


@frozen(kw_only=True)
class Subject:
    """What is tried: the laws of one kind, on what one factory gives."""

    node: str
    title: str
    module: Any
    factory: Factory[Any]

    def items(self, session: pytest.Session) -> Iterator[pytest.Item]:
        """Collect the laws."""
        file = Path(self.module.__file__)
        laws = Laws.from_parent(session, path=file, name=self.node, nodeid=self.node)
        laws.obj = ModuleType(self.module.__name__, self.module.__doc__)
        vars(laws.obj).update(
            self.module.FIXTURES, **{law.__name__: law for law in self.module.LAWS}
        )
        yield from session.genitems(laws)

    def try_once(self) -> None:
        """Open what the factory gives and close it. FactoryError with what goes wrong."""
        try:
            asyncio.run(self._opened())
        except FactoryError:
            raise
        except Exception as error:  # whatever it runs into, its owner is to hear of
            raise FactoryError(f"{self.factory.name} fails: {told(error)}") from error

    async def _opened(self) -> None:
        with TemporaryDirectory() as folder:
            async with self.factory.opened(Path(folder)):
                pass


@define
class Kit:
    """The part of the plugin that is there only when somebody asked for it."""

    subjects: Sequence[Subject]
    reports: Mapping[str, Report] = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Begin a report on each subject."""
        self.reports = {
            each.node: Report(title=each.title, name=each.factory.name, laws=each.module.LAWS)
            for each in self.subjects
        }

    @classmethod
    def prepared(cls, config: pytest.Config, asked: Mapping[str, str]) -> Self:
        """Find what was named, and try it once. UsageError if that cannot be done."""
        here = str(config.invocation_params.dir)
        if here not in sys.path:  # as ``python -m pytest`` has it
            sys.path.insert(0, here)
        if config.args_source is not pytest.Config.ArgsSource.ARGS:
            config.args = []  # nothing but the laws, where no tests are named
        return cls([_subject(config, option, name) for option, name in asked.items()])

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(
        self, session: pytest.Session, items: list[pytest.Item]
    ) -> None:
        """Collect the laws before others choose between items."""
        for each in self.subjects:
            items += each.items(session)
        for item in items:
            if (report := self._of(item.nodeid)) is not None:
                report.expect(item.nodeid)

    def pytest_pycollect_makeitem(
        self, collector: pytest.Collector, name: str, obj: object
    ) -> pytest.Collector | None:
        """Take classes of laws for such, though their names are not those of tests."""
        if isinstance(collector, Laws) and isclass(obj):
            return pytest.Class.from_parent(collector, name=name, obj=obj)
        return None

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        """Note what is left out."""
        for item in items:
            if (report := self._of(item.nodeid)) is not None:
                report.leave_out(item.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what became of a law."""
        if (kept := self._of(report.nodeid)) is not None:
            kept.hear(report)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the reports."""
        for report in self.reports.values():
            terminalreporter.section(report.title)
            for line in report.lines(verbose=terminalreporter.verbosity > 0):
                terminalreporter.line(line)

    def _of(self, node: str) -> Report | None:
        return self.reports.get(node.partition("::")[0])


def _subject(config: pytest.Config, option: str, name: str) -> Subject:
    node, title, where = _SUBJECTS[option]
    module = import_module(where)
    try:
        factory = module.prepare(config, name)
        subject = Subject(node=node, title=title, module=module, factory=factory)
        if not hasattr(config, "workerinput"):  # pytest-xdist: its leader has tried it
            subject.try_once()
    except FactoryError as error:
        raise pytest.UsageError(f"{option}: {error}") from error
    return subject
