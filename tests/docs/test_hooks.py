"""Every hook is described under its exact signature, and a real plugin implements it."""

import ast
import inspect
import re
from collections.abc import Callable, Mapping, Sequence

import pytest

from support.pages import DOCS, Page
from tillway.plugins import hooks
from tillway.plugins.registry import Registry, installed

PAGE = Page(DOCS / "reference" / "hooks.md")

HOOKS: Mapping[str, Callable[..., object]] = {
    name: each
    for name, each in vars(hooks).items()
    if inspect.isfunction(each) and name.startswith("tillway_")
}


def signature_of(name: str) -> str:
    """Write a hook's signature as its source does."""
    (found,) = ast.parse(inspect.getsource(HOOKS[name])).body
    assert isinstance(found, ast.FunctionDef)
    assert found.returns is not None
    return f"{name}({ast.unparse(found.args)}) -> {ast.unparse(found.returns)}"


@pytest.fixture(scope="module")
def implementing() -> Mapping[str, Sequence[str]]:
    """Load every plugin of ours, and give the names of those that implement each hook."""
    names = [each.name for each in installed() if each.distribution == "tillway"]
    loaded = Registry().load(names)
    return {
        hook: [plugin.about.name for plugin in loaded if hook in plugin.hooks] for hook in HOOKS
    }


class TestHooks:
    def test_there_are_hooks(self) -> None:
        """The four that there were at the beginning, at least."""
        assert {"tillway_rails", "tillway_stores", "tillway_apis", "tillway_observers"} <= set(
            HOOKS
        )

    def test_headings_are_the_hooks_and_nothing_else(self) -> None:
        """Each has its signature as a heading, in the order of the source."""
        assert PAGE.headings(3) == [f"`{signature_of(name)}`" for name in HOOKS]

    @pytest.mark.parametrize("name", HOOKS)
    def test_a_hook_says_on_the_page_what_it_says_in_the_source(self, name: str) -> None:
        """Word for word, at the beginning of its section."""
        section = PAGE.section(f"`{signature_of(name)}`")
        said = inspect.getdoc(HOOKS[name])
        assert said is not None
        assert " ".join(section.split()).startswith(" ".join(said.split()))

    @pytest.mark.parametrize("name", HOOKS)
    def test_a_real_plugin_implements_each(
        self, name: str, implementing: Mapping[str, Sequence[str]]
    ) -> None:
        """And the page names all of ours that do."""
        ours = implementing[name]
        assert ours
        section = PAGE.section(f"`{signature_of(name)}`")
        named = re.findall(r"`(\w+)`", section.rpartition("Implemented by")[2])
        assert set(named) == set(ours)

    def test_nothing_but_hooks_is_implemented(
        self, implementing: Mapping[str, Sequence[str]]
    ) -> None:
        """Every plugin of ours does something."""
        busy = {name for names in implementing.values() for name in names}
        assert busy == {each.name for each in installed() if each.distribution == "tillway"}
