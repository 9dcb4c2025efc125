from collections.abc import Iterator
from typing import Any

import pytest

from support.settings_files import faults_of, loaded
from tillway.entrypoints.settings.loading import Settings
from tillway.entrypoints.settings.schema import Named, Nested, fields_of, join
from tillway.entrypoints.settings.sections import BUILT_IN
from unit.settings.contract_rows import OURS, ROWS, Required, Row, Same

COUPON = {
    "coupons.coupons.item.code": "ITEM",
    "coupons.coupons.item.discount_type": "percentage",
    "coupons.coupons.item.discount_value": "10",
    "coupons.coupons.item.scope": "all",
}
ENTRY = "item"


def _key(row: Row) -> str:
    return row.key.replace("<key>", ENTRY)


def _around(row: Row) -> dict[str, str]:
    coupon = COUPON if row.key.startswith("coupons.coupons.") else {}
    return coupon | {key.replace("<key>", ENTRY): text for key, text in row.beside.items()}


def _without(row: Row) -> dict[str, str]:
    keys = {} if row.alone else _around(row)
    empty = row.key.startswith("stripe.") and not row.beside
    return keys | ({"stripe": "{}"} if empty else {})


def _with(row: Row, text: str) -> dict[str, str]:
    return _around(row) | {_key(row): text}


def _value(settings: Settings, key: str) -> Any:
    section, *path = key.split(".")
    value: Any = settings.sections[section]
    for name in path:
        value = value[name] if isinstance(value, dict) else getattr(value, name)
    return value


def _keys(kind: type, key: str) -> Iterator[str]:
    for field in fields_of(kind):
        path, shape = join(key, field.name), field.shape
        if isinstance(shape, Nested):
            yield from _keys(shape.kind, path)
        elif isinstance(shape, Named) and isinstance(shape.entry, Nested):
            yield from _keys(shape.entry.kind, f"{path}.<key>")
        else:
            yield path


def _named(row: Row) -> str:
    return row.key


class TestRows:
    @pytest.mark.parametrize("row", ROWS, ids=_named)
    def test_without_it_the_default_holds(self, row: Row) -> None:
        """A key that nothing sets has its default, or is required."""
        if row.default is Required:
            faults = faults_of(_without(row), row.variables, without=[_key(row)])
            assert any(fault.startswith(f"{_key(row)} is required") for fault in faults)
        else:
            settings = loaded(_without(row), row.variables, without=[_key(row)])
            assert _value(settings, _key(row)) == row.default

    @pytest.mark.parametrize("row", [row for row in ROWS if row.yaml], ids=_named)
    def test_yaml_sets_it(self, row: Row) -> None:
        """YAML sets every key but the wallets, which must not stand in a file."""
        settings = loaded(_with(row, row.yaml), row.variables)

        assert _value(settings, _key(row)) == row.value
        assert settings.origins[_key(row)].startswith("yaml line ")

    @pytest.mark.parametrize("row", [row for row in ROWS if row.env], ids=_named)
    def test_its_variable_sets_it(self, row: Row) -> None:
        """The contract's variable sets the key."""
        settings = loaded(_around(row), {**row.variables, str(row.env): row.text})

        expected = row.value if row.env_value is Same else row.env_value
        assert _value(settings, _key(row)) == expected

    @pytest.mark.parametrize("row", [row for row in ROWS if row.env and row.yaml], ids=_named)
    def test_its_variable_wins_over_yaml(self, row: Row) -> None:
        """A variable beats the file; where it sets one entry, the file's others stay."""
        other = row.default if isinstance(row.default, str) and row.default else row.yaml
        settings = loaded(
            _with(row, f'"{other}"' if other != row.yaml else other),
            {**row.variables, str(row.env): row.text},
        )

        value, expected = _value(settings, _key(row)), row.env_value
        if row.env_value is Same:
            assert value == row.value
        elif isinstance(value, dict):
            assert value == row.value | expected
        else:
            assert set(map(repr, expected)) <= set(map(repr, value))

    @pytest.mark.parametrize("row", [row for row in ROWS if row.env and row.yaml], ids=_named)
    def test_an_empty_variable_sets_nothing(self, row: Row) -> None:
        """A variable that is empty leaves what the file says."""
        settings = loaded(_with(row, row.yaml), {**row.variables, str(row.env): ""})

        assert _value(settings, _key(row)) == row.value


def _is_scalar(row: Row) -> bool:
    return bool(row.yaml) and not isinstance(row.value, tuple | dict)


class TestBlanks:
    @pytest.mark.parametrize("row", [row for row in ROWS if row.yaml], ids=_named)
    def test_a_key_with_nothing_behind_it_is_not_set(self, row: Row) -> None:
        """`key:` leaves the default, or leaves a required key missing."""
        keys = _around(row) | {_key(row): ""}
        if row.default is Required:
            assert any(fault.startswith(f"{_key(row)} is required") for fault in faults_of(keys))
        else:
            beside = keys if not row.alone else {_key(row): ""}
            assert _value(loaded(beside, row.variables), _key(row)) == row.default

    @pytest.mark.parametrize("row", [row for row in ROWS if _is_scalar(row)], ids=_named)
    def test_an_empty_text_is_empty_or_not_set(self, row: Row) -> None:
        """`""` is a value for texts that may be empty, and the default for everything else."""
        keys = _around(row) | {_key(row): '""'}
        if row.default is Required or row.key == "x402.rpc_url":
            assert any("is required" in fault for fault in faults_of(keys))
            return
        beside = keys if not row.alone else {_key(row): '""'}
        value = _value(loaded(beside, row.variables), _key(row))
        assert value == row.default or value == ""


class TestWhole:
    def test_the_rows_are_all_keys_that_there_are(self) -> None:
        """No key of the contract is missing, and none beside it but our own."""
        known = {key for name, kind in BUILT_IN.items() for key in _keys(kind, name)}

        assert known - OURS == {row.key for row in ROWS}
        assert known >= OURS

    def test_every_difference_has_a_reason(self) -> None:
        """A default other than the reference's is marked and explained."""
        assert all(row.because for row in ROWS if row.theirs is not Same)
        assert all(row.theirs != row.default for row in ROWS if row.theirs is not Same)

    @pytest.mark.parametrize("row", [row for row in ROWS if row.env is None], ids=_named)
    def test_no_variable_sets_the_others(self, row: Row) -> None:
        """A key that the contract sets in YAML only has no variable of ours either."""
        names = {f"{start}_{row.key.upper().replace('.', '_')}" for start in ("CEDROS", "TILLWAY")}
        wanted = {_key(row): row.yaml} if row.default is Required else {}
        settings = loaded(
            _without(row) | wanted,
            {**row.variables, **dict.fromkeys(names, row.text)},
            without=[] if wanted else [_key(row)],
        )

        expected = row.value if wanted else row.default
        assert _value(settings, _key(row)) == expected
