"""From JSON bytes to the attrs class of a body."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal

import orjson
import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from tillway.core.errors import Code, Declined
from tillway.entrypoints.http.convert import DEEPEST, parse, structure
from tillway.entrypoints.http.wire import camel, wire


class Colour(StrEnum):
    """One of two."""

    RED = "red"
    BLUE = "blue"


@frozen(kw_only=True)
class Line:
    """One line of an order."""

    sku: str = wire(missing="sku is required", longest=8, pattern="[a-z0-9]+")
    quantity: int = wire(default=1, least=1, most=10)


@frozen(kw_only=True)
class Order:
    """An order with one field of each type."""

    resource: str = wire(missing="resource field is required", longest=20)
    coupon_code: str | None = wire(default=None, aliases=("coupon",))
    lines: tuple[Line, ...] = wire(default=(), longest=3)
    product_ids: Sequence[str] = ()
    metadata: Mapping[str, str] = wire(factory=dict)
    kind: Literal["a", "b"] = "a"
    colour: Colour = Colour.RED
    share: float = 0.5
    gift: bool = False
    at: datetime | None = None
    custom: str = wire(default="", name="X_Custom")
    anything: object = None


def read(body: object) -> Order:
    return structure(parse(json.dumps(body).encode()), Order)


def refused(body: object) -> Declined:
    with pytest.raises(Declined) as caught:
        read(body)
    return caught.value


def faults(refusal: Declined) -> dict[str, str]:
    fields: Any = refusal.details["fields"]
    return {fault["field"]: fault["message"] for fault in fields}


class TestGood:
    def test_names_are_the_wires(self) -> None:
        """camelCase, unless the field says otherwise."""
        order = read({"resource": "x", "couponCode": "HALF", "productIds": ["p"], "X_Custom": "y"})
        assert (order.coupon_code, order.custom) == ("HALF", "y")
        assert list(order.product_ids) == ["p"]

    def test_every_type_is_read(self) -> None:
        """Nested classes, maps, choices, times, numbers, flags."""
        order = read(
            {
                "resource": "x",
                "lines": [{"sku": "a", "quantity": 2}, {"sku": "b"}],
                "metadata": {"k": "v"},
                "kind": "b",
                "colour": "blue",
                "share": 1,
                "gift": True,
                "at": "2026-01-31T12:00:00Z",
                "anything": [1, {"x": None}],
            }
        )
        assert order.lines == (Line(sku="a", quantity=2), Line(sku="b"))
        assert (order.kind, order.colour, order.share, order.gift) == ("b", Colour.BLUE, 1.0, True)
        assert order.at == datetime(2026, 1, 31, 12, tzinfo=UTC)
        assert order.anything == [1, {"x": None}]

    def test_null_is_the_same_as_absent(self) -> None:
        """Clients send null for what they do not have."""
        assert read({"resource": "x", "couponCode": None, "lines": None}) == read({"resource": "x"})

    def test_an_alias_is_read_and_the_name_wins(self) -> None:
        """Older clients' names count where the field's own is not there."""
        assert read({"resource": "x", "coupon": "A"}).coupon_code == "A"
        assert read({"resource": "x", "coupon": "A", "couponCode": "B"}).coupon_code == "B"

    def test_the_last_of_two_equal_keys_counts(self) -> None:
        """JSON leaves it open; nothing breaks."""
        assert structure(parse(b'{"resource":"a","resource":"b"}'), Order).resource == "b"

    def test_a_tolerant_face_ignores_unknown_fields(self) -> None:
        """Where the contract tolerates them, they are dropped."""
        assert structure({"resource": "x", "odd": 1}, Order, strict=False).resource == "x"


class TestMissing:
    @pytest.mark.parametrize("body", [{}, {"resource": None}, {"resource": ""}])
    def test_a_required_text_has_to_say_something(self, body: object) -> None:
        """Absent, null and empty are the same, under the field's own words."""
        refusal = refused(body)
        assert refusal.code is Code.MISSING_FIELD
        assert refusal.message == "resource field is required"
        assert refusal.field == "resource"

    def test_a_missing_field_among_other_faults_is_invalid_field(self) -> None:
        """The code names the graver kind, the details name all."""
        refusal = refused({"lines": [{"quantity": 1}], "gift": "yes"})
        assert refusal.code is Code.INVALID_FIELD
        assert faults(refusal) == {
            "resource": "resource field is required",
            "lines[0].sku": "sku is required",
            "gift": "gift must be true or false",
        }


class TestFaults:
    @pytest.mark.parametrize(
        ("field", "value", "message"),
        [
            ("resource", 1, "resource must be text"),
            ("resource", "x" * 21, "resource must have at most 20 characters"),
            ("couponCode", [], "couponCode must be text"),
            ("lines", "abc", "lines must be a list"),
            ("lines", [{"sku": "a"}] * 4, "lines must have at most 3 items"),
            ("productIds", {"0": "a"}, "productIds must be a list"),
            ("metadata", [], "metadata must be an object"),
            ("kind", "c", "kind must be one of a, b"),
            ("kind", [], "kind must be one of a, b"),
            ("colour", "green", "colour must be one of red, blue"),
            ("share", "0.5", "share must be a number"),
            ("share", True, "share must be a number"),
            ("gift", 1, "gift must be true or false"),
            ("at", "yesterday", "at must be a time like 2026-01-31T12:00:00Z"),
            ("at", "2026-01-31T12:00:00", "at must have a time zone"),
            ("at", 12, "at must be a time like 2026-01-31T12:00:00Z"),
            ("Resource", "x", "unknown field Resource"),
        ],
    )
    def test_it_names_the_field_and_what_it_must_be(
        self, field: str, value: object, message: str
    ) -> None:
        """And repeats nothing of the value. Case counts in names."""
        assert faults(refused({"resource": "x", field: value})) == {field: message}

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ({"sku": "a", "quantity": 0}, "must be at least 1"),
            ({"sku": "a", "quantity": 11}, "must be at most 10"),
            ({"sku": "a", "quantity": 1.0}, "must be a whole number"),
            ({"sku": "a", "quantity": True}, "must be a whole number"),
            ({"sku": "a", "quantity": 2**70}, "must be a whole number"),
            ({"sku": "A B"}, "must match [a-z0-9]+"),
            (3, "must be an object"),
        ],
    )
    def test_it_names_the_path_within_lists(self, line: object, message: str) -> None:
        """The path reads as the client would write it."""
        found = faults(refused({"resource": "x", "lines": [{"sku": "ok"}, line]}))
        assert [text.split(" ", 1)[1] for text in found.values()] == [message]
        assert all(path.startswith("lines[1]") for path in found)

    def test_values_of_maps_are_named_by_their_key(self) -> None:
        """As a path."""
        assert faults(refused({"resource": "x", "metadata": {"k": 1}})) == {
            "metadata.k": "metadata.k must be text"
        }

    def test_many_unknown_fields_make_a_short_answer(self) -> None:
        """Neither their number nor their length swells it."""
        refusal = refused({"resource": "x", **{f"{'y' * 5000}{n}": 1 for n in range(500)}})
        assert len(orjson.dumps(refusal.details)) < 10_000


class TestUnreadable:
    @pytest.mark.parametrize(
        ("raw", "message"),
        [
            (b"", "Request body is empty"),
            (b" \n", "Request body is empty"),
            (b"{", "Invalid request body"),
            (b"\xff\xfe", "Invalid request body"),
            (b'{"resource":"\\ud800"}', "Invalid request body"),
            (b'{"resource":"x"} x', "Invalid request body"),
            (b"[]", "Invalid request body"),
            (b'"text"', "Invalid request body"),
            (b"null", "Invalid request body"),
            (b"NaN", "Invalid request body"),
        ],
    )
    def test_what_is_no_json_object_is_invalid_field(self, raw: bytes, message: str) -> None:
        """With words that are the same for every such body."""
        with pytest.raises(Declined) as caught:
            structure(parse(raw), Order)
        assert (caught.value.code, caught.value.message) == (Code.INVALID_FIELD, message)

    @pytest.mark.parametrize("levels", [DEEPEST + 1, 200, 100_000])
    def test_depth_is_bounded(self, levels: int) -> None:
        """However deep, the answer is the same, and nothing recurses that far."""
        with pytest.raises(Declined) as caught:
            parse(b"[" * levels + b"]" * levels)
        assert caught.value.code is Code.INVALID_FIELD

    def test_many_shallow_objects_are_no_depth(self) -> None:
        """Brackets are counted, then looked at."""
        assert parse(b"[" + b"{}," * 100 + b"{}]") == [{}] * 101


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
NAMES = ["resource", "couponCode", "lines", "productIds", "metadata", "kind", "at", "anything"]


class TestAnything:
    @given(st.binary(max_size=200))
    def test_bytes_are_read_or_declined(self, raw: bytes) -> None:
        """Nothing but Declined is raised for what a client sends."""
        with suppress(Declined):
            structure(parse(raw), Order)

    @given(st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), JSON))
    def test_objects_are_read_or_declined(self, body: dict[str, object]) -> None:
        """Whatever stands in the fields."""
        with suppress(Declined):
            structure(body, Order)


class TestNames:
    @pytest.mark.parametrize(
        ("field", "name"),
        [("resource", "resource"), ("coupon_code", "couponCode"), ("x402_version", "x402Version")],
    )
    def test_snake_case_becomes_camel_case(self, field: str, name: str) -> None:
        """The first word stays."""
        assert camel(field) == name
