"""What is told at the end: for each subject, how many laws hold, and which do not."""

import inspect
import re
from collections.abc import Iterator, Sequence
from typing import Final

import pytest
from attrs import define, field

_WIDTH: Final = 18
_MOST_CASES: Final = 5
_INDENT: Final = "    "


@define
class Law:
    """A test, in all its cases."""

    subject: str
    name: str
    says: str
    left: set[str] = field(factory=set)
    out: set[str] = field(factory=set)
    held: set[str] = field(factory=set)
    broken: set[str] = field(factory=set)
    skipped: dict[str, str] = field(factory=dict)

    @property
    def words(self) -> str:
        """Give its name in words."""
        return self.name.removeprefix("test_").replace("_", " ")

    @property
    def holds(self) -> bool:
        """Tell whether it was tried and nothing spoke against it."""
        return bool(self.held) and not self.broken

    @property
    def why_not_tried(self) -> str | None:
        """Say why there is no telling, if it is so."""
        if self.held or self.broken:
            return None
        if self.skipped:
            return next(iter(self.skipped.values()))
        return "left out by choice" if self.out else "the run ended before it"

    def cases(self) -> str:
        """Name some cases in which it is broken, if it has several."""
        named = sorted(case for case in self.broken if case)
        more = ", ..." if len(named) > _MOST_CASES else ""
        return f" [{', '.join(named[:_MOST_CASES])}{more}]" if named else ""


@define
class Report:
    """What became of the laws of one kind, on what one factory gives."""

    title: str
    name: str
    laws: Sequence[type]
    _known: dict[str, Law] = field(factory=dict, init=False)

    def expect(self, node: str) -> None:
        """Note that a test is there to be run."""
        law, case = self._at(node)
        law.left.add(case)

    def leave_out(self, node: str) -> None:
        """Note that a test will not be run."""
        law, case = self._at(node)
        law.left.discard(case)
        law.out.add(case)

    def hear(self, report: pytest.TestReport) -> None:
        """Note what a test's set-up, call or end has come to."""
        law, case = self._at(report.nodeid)
        law.left.discard(case)
        if report.failed:
            law.broken.add(case)
            law.held.discard(case)
        elif report.skipped:
            law.skipped[case] = _reason(report)
        elif report.when == "call":
            law.held.add(case)

    def lines(self, *, verbose: bool) -> Iterator[str]:
        """Give the report; with every law if it is to be verbose."""
        yield f"on what {self.name} gives"
        for subject in self.laws:
            laws = [law for law in self._known.values() if law.subject == subject.__name__]
            if laws and any(not law.out for law in laws):
                yield from _subject_lines(subject, laws, verbose=verbose)
        yield self._sum()

    def _sum(self) -> str:
        held = sum(law.holds for law in self._known.values())
        broken = sum(bool(law.broken) for law in self._known.values())
        rest = [law.why_not_tried for law in self._known.values()]
        not_tried = sum(why is not None for why in rest)
        chosen = sum(why == "left out by choice" for why in rest)
        by_choice = f" ({chosen} of them by choice)" if chosen else ""
        return f"laws: {held} hold, {broken} do not, {not_tried} not tried{by_choice}"

    def _at(self, node: str) -> tuple[Law, str]:
        _, subject, rest = node.split("::", 2)
        name, _, case = rest.partition("[")
        if f"{subject}::{name}" not in self._known:
            says = self._sentence(subject, name)
            self._known[f"{subject}::{name}"] = Law(subject, name, says)
        return self._known[f"{subject}::{name}"], case.removesuffix("]")

    def _sentence(self, subject: str, name: str) -> str:
        owner = next(law for law in self.laws if law.__name__ == subject)
        return first_sentence(getattr(owner, name))


def first_sentence(documented: object) -> str:
    """Give the first sentence of a docstring in one line, without its quotes of code."""
    text = " ".join((inspect.getdoc(documented) or "").partition("\n\n")[0].split())
    return re.split(r"(?<=\.) (?=[A-Z])", text, maxsplit=1)[0].replace("``", "")


def title_of(subject: type) -> str:
    """Name a class of laws: ``QuoteKeyLaws`` is ``quote key``."""
    words = re.sub(r"(?<=.)(?=[A-Z])", " ", subject.__name__.removesuffix("Laws"))
    return words.lower()


def _subject_lines(subject: type, laws: Sequence[Law], *, verbose: bool) -> Iterator[str]:
    held = sum(law.holds for law in laws)
    broken = [law for law in laws if law.broken]
    rest = [law for law in laws if law.why_not_tried is not None and not law.out]
    counts = [f"{held} hold"] if held or not (broken or rest) else []
    counts += [f"{len(broken)} BROKEN"] if broken else []
    counts += [f"{len(rest)} not tried"] if rest else []
    about = first_sentence(subject).removesuffix(".")
    yield f"{subject.__name__:<{_WIDTH}}{', '.join(counts):<30} {about}".rstrip()
    for law in laws:
        if law.broken:
            yield f"{_INDENT}BROKEN    {law.words}{law.cases()}: {law.says}"
        elif law.why_not_tried is not None and not law.out:
            yield f"{_INDENT}not tried {law.words}: {law.why_not_tried}"
        elif law.holds and verbose:
            yield f"{_INDENT}holds     {law.words}: {law.says}"


def _reason(report: pytest.TestReport) -> str:
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    return getattr(report, "wasxfail", "") or "skipped"
