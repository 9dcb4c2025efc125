"""What the registry does with plugins of others, right and wrong ones."""

from pathlib import Path
from textwrap import dedent

from support.distributions import RAIL, say, write_distribution, write_plugin

HEAD = """
from tillway.plugins.hooks import hookimpl
from tillway.plugins.plugin import Kind, Plugin
PLUGIN = Plugin(kind=Kind.RAIL, name={name!r}, summary="x"{more})
"""


def plugin_of(name: str, rest: str, more: str = "") -> str:
    """Write a module with its PLUGIN and whatever comes after it."""
    return HEAD.format(name=name, more=more and f", {more}") + dedent(rest)


def hook_of(name: str, body: str, hook: str = "tillway_rails") -> str:
    """Write a module whose one hook has that body."""
    return plugin_of(name, f"@hookimpl\ndef {hook}(context):\n    {body}\n")


FAILING = (
    ("1 / 0", "ZeroDivisionError: division by zero"),
    ("def (", "SyntaxError: "),
    ("from os import nothing_such", "ImportError: cannot import name 'nothing_such'"),
    (plugin_of("iban", "", "section='Iban'"), "ValueError: section must be"),
    (plugin_of("iban", "", "section='plugins', settings=int"), "ValueError: section must"),
    (plugin_of("iban", "", "section='iban'"), "ValueError: a section and its settings"),
)
"""Modules that cannot be imported, and what is said of them."""

WRONG = (
    ("tillway_rails", "rails", "[object()]", "object, which is no rail"),
    ("tillway_rails", "rails", "[None]", "NoneType, which is no rail"),
    ("tillway_rails", "rails", "['x402']", "str, which is no rail"),
    ("tillway_rails", "rails", "'x402'", "str where a sequence is due"),
    ("tillway_rails", "rails", "object()", "object where a sequence is due"),
    ("tillway_rails", "rails", "{'a': 1}", "dict where a sequence is due"),
    ("tillway_stores", "store", "[object()]", "object, which is no store"),
    ("tillway_stores", "store", "[Store]", "the class MemoryStore, which is no store"),
    ("tillway_apis", "apis", "[lambda: 1]", "function, which is no face"),
    ("tillway_observers", "observers", "[1]", "int, which is no observer"),
    ("tillway_observers", "observers", "[Store]", "the class MemoryStore, which is no observer"),
)
"""A hook, the registry's verb that asks for it, what is given, and what is said of that."""


class TestFinding:
    def test_an_outsiders_plugin_is_loaded_like_ours(self, tmp_path: Path) -> None:
        """By its name alone, and it says where it comes from."""
        write_plugin(tmp_path, "iban", RAIL.format(name="iban"))
        said = say(
            tmp_path,
            """
            (plugin,) = Registry().load(["iban", "iban"])
            print(plugin.source.distribution, plugin.source.version, plugin.hooks)
            """,
        )
        assert said == "tillway-iban 1.0 ['tillway_rails']"

    def test_listing_imports_nothing(self, tmp_path: Path) -> None:
        """Not even what cannot be imported is in the way, and names come in their order."""
        write_plugin(tmp_path, "zeta", "raise SystemExit('imported')")
        write_plugin(tmp_path, "alpha", "raise SystemExit('imported')")
        said = say(tmp_path, "print([each.name for each in installed()])")
        assert said.startswith("['alpha', 'cedros'")
        assert said.endswith("'zeta']")

    def test_an_unknown_name_is_refused_with_those_that_there_are(self, tmp_path: Path) -> None:
        """So that a slip of the pen shows."""
        said = say(tmp_path, "Registry().load(['x420'])")
        assert said.startswith("PluginError: no installed package offers the plugin 'x420'")
        assert "memory" in said
        assert "x402" in said

    def test_two_distributions_of_one_name_are_refused_with_both(self, tmp_path: Path) -> None:
        """Neither wins by chance."""
        write_plugin(tmp_path, "iban", RAIL.format(name="iban"))
        write_distribution(tmp_path, "other-bank", points={"iban": "my_iban"})
        said = say(tmp_path, "Registry().load(['iban'])")
        assert said == (
            "PluginError: other-bank and tillway-iban both offer the plugin 'iban': "
            "uninstall one of them"
        )

    def test_nobody_can_take_a_name_of_ours(self, tmp_path: Path) -> None:
        """A stranger's x402 is refused, not used."""
        write_distribution(tmp_path, "evil", points={"x402": "evil"})
        said = say(tmp_path, "Registry().load(['x402'])")
        assert said.startswith("PluginError: evil and tillway both offer the plugin 'x402'")


class TestImporting:
    def test_a_module_without_plugin_is_refused(self, tmp_path: Path) -> None:
        """It does not describe itself."""
        write_plugin(tmp_path, "iban", "x = 1")
        said = say(tmp_path, "Registry().load(['iban'])")
        assert said == (
            "PluginError: the plugin 'iban' of tillway-iban: my_iban has no constant PLUGIN"
        )

    def test_a_plugin_that_calls_itself_otherwise_is_refused(self, tmp_path: Path) -> None:
        """Its name is its entry point's."""
        write_plugin(tmp_path, "iban", RAIL.format(name="bank"))
        said = say(tmp_path, "Registry().load(['iban'])")
        assert said.endswith("the plugin 'iban' of tillway-iban calls itself 'bank' in its PLUGIN")

    def test_a_module_that_is_not_there_is_refused(self, tmp_path: Path) -> None:
        """The distribution is broken, no extra helps."""
        write_distribution(tmp_path, "tillway-iban", points={"iban": "my_iban.plugin"})
        said = say(tmp_path, "Registry().load(['iban'])")
        assert said == (
            "PluginError: the plugin 'iban' of tillway-iban has no module 'my_iban': "
            "install it again"
        )

    def test_a_module_that_fails_is_named(self, tmp_path: Path) -> None:
        """With what it failed by."""
        for number, (source, _) in enumerate(FAILING):
            write_plugin(tmp_path, f"iban{number}", source)
        code = (
            f"for n in range({len(FAILING)}): print(said(lambda: Registry().load([f'iban{{n}}'])))"
        )
        said = say(tmp_path, code).splitlines()
        for number, (_, why) in enumerate(FAILING):
            who = f"the plugin 'iban{number}' of tillway-iban{number}"
            assert said[number].startswith(f"{who} cannot be imported: {why}")


class TestMissingExtras:
    def test_at_import_it_becomes_the_pip_command(self, tmp_path: Path) -> None:
        """The extra that is named like the plugin, if there is one."""
        write_plugin(tmp_path, "iban", "import bank_sdk", extras=["iban", "dev"])
        said = say(tmp_path, "Registry().load(['iban'])")
        assert said == (
            "PluginError: the plugin 'iban' needs 'bank_sdk': pip install 'tillway-iban[iban]'"
        )

    def test_an_entry_point_can_name_its_extra(self, tmp_path: Path) -> None:
        """As the packaging standards write it."""
        write_distribution(
            tmp_path,
            "tillway-iban",
            points={"iban": "my_iban [bank]"},
            modules={"my_iban": "import bank_sdk"},
            extras=["bank"],
        )
        assert say(tmp_path, "Registry().load(['iban'])").endswith(
            "pip install 'tillway-iban[bank]'"
        )

    def test_without_an_extra_the_distribution_is_installed_again(self, tmp_path: Path) -> None:
        """Pip then installs what it requires."""
        write_plugin(tmp_path, "iban", "import bank_sdk")
        assert say(tmp_path, "Registry().load(['iban'])").endswith("pip install 'tillway-iban'")

    def test_inside_a_hook_too(self, tmp_path: Path) -> None:
        """Where technology is imported; the plugin itself names the extra then."""
        source = plugin_of(
            "iban",
            "@hookimpl\ndef tillway_rails(context):\n    import bank_sdk.client\n",
            "extra='sepa'",
        )
        write_plugin(tmp_path, "iban", source)
        said = say(tmp_path, "enabled('iban').rails(context())")
        assert said == (
            "PluginError: the plugin 'iban' needs 'bank_sdk': pip install 'tillway-iban[sepa]'"
        )

    def test_inside_what_a_hook_calls(self, tmp_path: Path) -> None:
        """However deep it is imported, and even while its parts are gathered."""
        body = "yield from __import__('my_depth').rails()"
        write_plugin(tmp_path, "iban", hook_of("iban", body))
        (tmp_path / "my_depth.py").write_text("def rails():\n    import bank_sdk\n    yield\n")
        said = say(tmp_path, "enabled('iban').rails(context())")
        assert said == "PluginError: the plugin 'iban' needs 'bank_sdk': pip install 'tillway-iban'"

    def test_a_module_of_its_own_is_no_matter_of_pip(self, tmp_path: Path) -> None:
        """It is a mistake, and no command would help."""
        write_plugin(tmp_path, "iban", hook_of("iban", "import tillway.adapters.nothing_such"))
        said = say(tmp_path, "enabled('iban').rails(context())")
        assert said.endswith("imports 'tillway.adapters.nothing_such', which does not exist")


class TestHooks:
    def test_a_misnamed_hook_is_refused(self, tmp_path: Path) -> None:
        """It would never be called."""
        write_plugin(tmp_path, "iban", hook_of("iban", "return []", hook="tillway_rail"))
        said = say(tmp_path, "enabled('iban')")
        assert said.startswith("PluginError: the plugin 'iban': ")
        assert "'tillway_rail'" in said

    def test_a_hook_that_wants_what_is_not_given_is_refused(self, tmp_path: Path) -> None:
        """At start-up, not when it is called."""
        source = plugin_of("iban", "@hookimpl\ndef tillway_rails(settings):\n    return []\n")
        write_plugin(tmp_path, "iban", source)
        said = say(tmp_path, "enabled('iban')")
        assert said.startswith("PluginError: the plugin 'iban': ")
        assert "'settings'" in said

    def test_a_hook_without_the_decorator_is_refused(self, tmp_path: Path) -> None:
        """Pluggy would pass over it in silence."""
        source = plugin_of("iban", "def tillway_rails(context):\n    return []\n")
        write_plugin(tmp_path, "iban", source)
        said = say(tmp_path, "Registry().load(['iban'])")
        assert said.endswith("of tillway-iban: tillway_rails needs the decorator @hookimpl")

    def test_a_plugin_without_hooks_is_refused(self, tmp_path: Path) -> None:
        """It would do nothing."""
        write_plugin(tmp_path, "iban", plugin_of("iban", ""))
        said = say(tmp_path, "Registry().load(['iban'])")
        assert said.endswith("the plugin 'iban' of tillway-iban implements no hook")

    def test_a_hook_may_be_called_otherwise_in_its_module(self, tmp_path: Path) -> None:
        """By pluggy's specname; it is found and called all the same."""
        source = RAIL.format(name="iban").replace(
            "@hookimpl", "@hookimpl(specname='tillway_rails')"
        )
        write_plugin(tmp_path, "iban", source.replace("def tillway_rails", "def rails"))
        said = say(
            tmp_path,
            """
            (plugin,) = Registry().load(["iban"])
            print(plugin.hooks, [rail.name for rail in enabled("iban").rails(context())])
            """,
        )
        assert said == "['tillway_rails'] ['iban']"

    def test_an_error_in_a_hook_says_whose_it_is(self, tmp_path: Path) -> None:
        """It stays what it is, with a note."""
        write_plugin(tmp_path, "iban", hook_of("iban", "raise ValueError('no such bank')"))
        said = say(
            tmp_path,
            """
            try:
                enabled("iban").rails(context())
            except ValueError as error:
                print(error, error.__notes__)
            """,
        )
        assert said == "no such bank [\"in tillway_rails of the plugin 'iban'\"]"


class TestHandingOver:
    def test_what_is_not_asked_for_is_refused(self, tmp_path: Path) -> None:
        """Before anything else is done with it, and with the plugin's name."""
        more = "from tillway.adapters.stores.memory import MemoryStore as Store"
        for number, (hook, _, given, _) in enumerate(WRONG):
            name = f"iban{number}"
            write_plugin(tmp_path, name, hook_of(name, f"{more}; return {given}", hook=hook))
        verbs = [asked for _, asked, _, _ in WRONG]
        said = say(
            tmp_path,
            f"""
            for n, verb in enumerate({verbs}):
                print(said(lambda: getattr(enabled(f"iban{{n}}"), verb)(context())))
            """,
        ).splitlines()
        for number, (_, _, _, why) in enumerate(WRONG):
            assert said[number] == f"the plugin 'iban{number}' gave {why}"

    def test_a_plugin_may_have_nothing_to_give(self, tmp_path: Path) -> None:
        """None is nothing."""
        write_plugin(tmp_path, "iban", hook_of("iban", "return None"))
        assert say(tmp_path, "print(enabled('iban').rails(context()))") == "[]"

    def test_two_rails_of_one_name_are_refused(self, tmp_path: Path) -> None:
        """A payment remembers its rail by the name."""
        write_plugin(tmp_path, "iban", RAIL.format(name="iban"))
        twin = RAIL.format(name="swift").replace('Rail("swift")', 'Rail("iban")')
        write_plugin(tmp_path, "swift", twin)
        said = say(tmp_path, "enabled('iban', 'swift').rails(context())")
        assert said == "PluginError: two plugins give a rail named iban: disable one"

    def test_rails_are_offered_in_the_order_of_their_plugins(self, tmp_path: Path) -> None:
        """As they are named in the settings, whatever their names are."""
        for name in ("one", "two", "three"):
            write_plugin(tmp_path, name, RAIL.format(name=name))
        said = say(
            tmp_path,
            """
            for names in (["one", "two", "three"], ["three", "one", "two"]):
                print([rail.name for rail in enabled(*names).rails(context())])
            """,
        )
        assert said.splitlines() == ["['one', 'two', 'three']", "['three', 'one', 'two']"]

    def test_what_was_not_enabled_is_not_asked(self, tmp_path: Path) -> None:
        """Loading is not enabling, and enabling twice is enabling once."""
        write_plugin(tmp_path, "one", RAIL.format(name="one"))
        write_plugin(tmp_path, "two", hook_of("two", "raise SystemExit('asked')"))
        said = say(
            tmp_path,
            """
            registry = Registry()
            one, two = registry.load(["one", "two"])
            registry.enable([one])
            registry.enable([one])
            print([rail.name for rail in registry.rails(context())])
            """,
        )
        assert said == "['one']"

    def test_just_one_store_is_needed(self, tmp_path: Path) -> None:
        """None is too few, and two are one too many."""
        body = "from tillway.adapters.stores.memory import MemoryStore; return [MemoryStore()]"
        write_plugin(tmp_path, "shelf", hook_of("shelf", body, hook="tillway_stores"))
        said = say(
            tmp_path,
            """
            print(said(lambda: enabled("x402").store(context())))
            print(said(lambda: enabled("memory", "shelf").store(context())))
            print(type(enabled("memory", "x402").store(context())).__name__)
            """,
        )
        assert said.splitlines() == [
            "just one store is needed, and the plugins give 0",
            "just one store is needed, and the plugins give 2",
            "MemoryStore",
        ]


class TestSections:
    def test_a_plugin_is_given_its_own_section(self, tmp_path: Path) -> None:
        """Typed, from the settings file, with its faults named by their keys."""
        write_plugin(tmp_path, "iban", _WITH_SECTION.format(name="iban", section="iban"))
        said = say(
            tmp_path,
            """
            from tillway.entrypoints.configuration import configure
            from tillway.entrypoints.settings.faults import SettingsError
            for text in ("iban: {account: DE1}", "iban: {acount: DE1}", ""):
                try:
                    settings = configure(SETTINGS + "plugins: [iban]\\n" + text, {}).settings
                    print(settings.sections["iban"])
                except SettingsError as error:
                    print([fault.key for fault in error.faults])
            """,
        )
        assert said.splitlines() == [
            "IbanSettings(account='DE1')",
            "['iban.acount', 'iban.account']",
            "['iban.account']",
        ]

    def test_two_plugins_of_one_section_are_refused(self, tmp_path: Path) -> None:
        """Neither would know whose settings it has."""
        for name in ("iban", "swift"):
            write_plugin(tmp_path, name, _WITH_SECTION.format(name=name, section="bank"))
        said = say(tmp_path, "sections(Registry().load(['iban', 'swift']))")
        assert said == "PluginError: the plugin 'swift' has the section 'bank' of another"

    def test_a_section_of_the_gateways_own_is_refused(self, tmp_path: Path) -> None:
        """An outsider does not take the server's settings away."""
        write_plugin(tmp_path, "iban", _WITH_SECTION.format(name="iban", section="server"))
        said = say(
            tmp_path,
            """
            from tillway.entrypoints.configuration import configure
            configure("plugins: [iban]", {})
            """,
        )
        assert said == "PluginError: the plugin 'iban' has the section 'server' of another"

    def test_a_plugin_without_its_section_is_refused(self, tmp_path: Path) -> None:
        """A rail that is named but not set cannot be built."""
        said = say(
            tmp_path,
            """
            from tillway.entrypoints.bootstrap import create_app
            from tillway.entrypoints.configuration import configure
            create_app(configure(SETTINGS + "plugins: [x402]", {}))
            """,
        )
        assert said == "PluginError: the plugin 'x402' needs the section 'x402'"


_WITH_SECTION = """
    from attrs import frozen
    from tillway.plugins.hooks import hookimpl
    from tillway.plugins.plugin import Kind, Plugin
    from tillway.plugins.rules import not_blank
    from tillway.plugins.setting import setting

    @frozen(kw_only=True)
    class IbanSettings:
        \"\"\"Bank transfers.\"\"\"

        account: str = setting(rules=(not_blank,), doc="Where the money goes.")

    PLUGIN = Plugin(kind=Kind.RAIL, name="{name}", summary="x", section="{section}",
                    settings=IbanSettings)

    @hookimpl
    def tillway_rails(context):
        return []
"""
