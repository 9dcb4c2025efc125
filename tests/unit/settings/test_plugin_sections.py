from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, ClassVar, Literal

import pytest
from attrs import field, frozen, validators

from support.settings_files import faults_of, loaded
from tillway.core.secrets import Secret
from tillway.entrypoints.settings.loading import Settings
from tillway.entrypoints.settings.sections import BUILT_IN
from tillway.plugins.rules import not_blank, positive
from tillway.plugins.setting import Alias, Rule, setting


@frozen(kw_only=True)
class Branch:
    """One branch of the bank."""

    city: str = setting(rules=(not_blank,), doc="Where it is.")
    open: bool = setting(default=True, doc="Whether it is open.")


def _apart(fee: Decimal, limit: Decimal) -> str | None:
    return "must be less than limit" if fee >= limit else None


@frozen(kw_only=True)
class IbanSettings:
    """Bank transfers, as an outsider's plugin declares them."""

    RULES: ClassVar[tuple[Rule, ...]] = (Rule(fields=("fee", "limit"), check=_apart),)

    account: str = setting(rules=(not_blank,), doc="Where the money goes.")
    token: Secret | None = setting(default=None, aliases=(Alias(name="IBAN_TOKEN"),), doc="A key.")
    wait: timedelta = setting(default=timedelta(days=3), rules=(positive,), doc="Patience.")
    fee: Decimal = setting(default=Decimal("0.5"), doc="Taken off.")
    limit: Decimal = setting(default=Decimal(1000), doc="The most.")
    kind: Literal["sepa", "swift"] = setting(default="sepa", doc="Which network.")
    codes: tuple[int, ...] = setting(default=(), doc="Numbers.")
    branches: tuple[Branch, ...] = setting(default=(), doc="Branches.")
    by_name: Mapping[str, Branch] = setting(factory=dict, doc="Branches by name.")
    main: Branch = setting(default=Branch(city="Bonn"), doc="The main branch.")
    other: Branch | None = setting(default=None, doc="Another branch.")
    free: Mapping[str, Any] = setting(factory=dict, doc="Whatever.")
    plain: int = 7
    checked: int = field(default=1, validator=validators.ge(1))


SECTIONS = {**BUILT_IN, "iban": IbanSettings}


def _iban(
    keys: Mapping[str, str], variables: Mapping[str, str] | None = None
) -> tuple[Settings, IbanSettings]:
    settings = loaded({"iban.account": "DE1"} | dict(keys), variables, sections=SECTIONS)
    return settings, settings.section(IbanSettings)


class TestOutsiders:
    def test_a_plugins_section_is_read_like_ours(self) -> None:
        """All types are read, from YAML and from variables that follow from the path."""
        _, iban = _iban(
            {
                "iban.fee": "1.25",
                "iban.branches": "[{city: Kiel}, {city: Ulm, open: no}]",
                "iban.by_name.south": "{city: Ulm}",
                "iban.free": "{a: {b: [1, 2.5, yes, ~, 'x', true]}}",
            },
            {
                "TILLWAY_IBAN_WAIT": "1h",
                "TILLWAY_IBAN_TOKEN": "t",
                "TILLWAY_IBAN_CODES": "1, 2",
                "TILLWAY_IBAN_KIND": "SWIFT",
                "TILLWAY_IBAN_MAIN_OPEN": "false",
                "TILLWAY_IBAN_PLAIN": "8",
            },
        )

        assert iban.fee == Decimal("1.25")
        assert iban.branches == (Branch(city="Kiel"), Branch(city="Ulm", open=False))
        assert iban.by_name == {"south": Branch(city="Ulm")}
        assert iban.free == {"a": {"b": [1, Decimal("2.5"), "yes", None, "x", True]}}
        assert iban.wait == timedelta(hours=1)
        assert iban.token == Secret("t")
        assert iban.codes == (1, 2)
        assert (iban.kind, iban.plain) == ("swift", 8)
        assert iban.main == Branch(city="Bonn", open=False)
        assert iban.other is None

    def test_an_optional_block_appears_when_it_is_set(self) -> None:
        """A variable within it is enough, and then its required keys bind."""
        _, iban = _iban({"iban.other.city": "Ulm"}, {"TILLWAY_IBAN_OTHER_OPEN": "0"})
        (fault,) = faults_of(
            {"iban.account": "DE1"}, {"TILLWAY_IBAN_OTHER_OPEN": "0"}, sections=SECTIONS
        )

        assert iban.other == Branch(city="Ulm", open=False)
        assert fault == "iban.other.city is required"

    def test_its_faults_are_named_with_ours(self) -> None:
        """Required keys, rules of fields and rules between them bind for plugins too."""
        faults = faults_of(
            {"iban.wait": "0s", "iban.fee": "2000", "server.workers": "0", "iban.cods": "1"},
            sections=SECTIONS,
        )

        assert [fault.split(" [")[0] for fault in faults] == [
            "server.workers: must be between 1 and 256",
            "iban.cods: is no setting (did you mean codes?)",
            "iban.account is required",
            "iban.wait: must be more than zero",
            "iban.fee: must be less than limit",
        ]

    def test_its_own_validators_are_faults_too(self) -> None:
        """What the class itself refuses is named by section, without the value."""
        (fault,) = faults_of({"iban.account": "DE1", "iban.checked": "0"}, sections=SECTIONS)

        assert fault == "iban: cannot be used (ValueError)"

    def test_older_names_work_for_it(self) -> None:
        """Aliases are any plugin's to declare."""
        settings, iban = _iban({}, {"IBAN_TOKEN": "t"})

        assert iban.token == Secret("t")
        assert settings.warnings == ("IBAN_TOKEN is an older name: use TILLWAY_IBAN_TOKEN",)

    def test_a_type_that_cannot_be_set_is_a_mistake_of_the_plugin(self) -> None:
        """The class is refused by name before anything is read."""

        @frozen(kw_only=True)
        class Odd:
            """Has a field of no type that text could mean."""

            thing: object = setting(default=None)

        with pytest.raises(TypeError, match=r"Odd.thing: <class 'object'> is no type"):
            loaded(sections={**BUILT_IN, "odd": Odd})
