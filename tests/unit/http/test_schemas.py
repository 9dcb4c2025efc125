"""OpenAPI from routes and attrs classes."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

import pytest
from attrs import frozen

from support.shell import route
from tillway.entrypoints.http.app import build_application
from tillway.entrypoints.http.config import SERVED, HttpConfig
from tillway.entrypoints.http.openapi import document
from tillway.entrypoints.http.schemas import Schemas
from tillway.entrypoints.http.wire import wire
from tillway.plugins.api import Answer, Parameter


class Colour(StrEnum):
    """One of two."""

    RED = "red"
    BLUE = "blue"


@frozen(kw_only=True)
class Inner:
    """Within."""

    sku: str = wire(longest=8, pattern="[a-z]+")


@frozen(kw_only=True)
class Outer:
    """Around."""

    inner: Inner
    first_name: str = wire(doc="As in passports", example="Ada")
    coupon: str | None = None
    other: Inner | None = None
    lines: Sequence[Inner] = wire(default=(), longest=3)
    pair: tuple[int, ...] = ()
    texts: Mapping[str, str] = wire(factory=dict)
    anything: Mapping[str, object] = wire(factory=dict)
    count: int = wire(default=1, least=1, most=9)
    share: float = 0.5
    flag: bool = False
    at: datetime | None = None
    kind: Literal["a", "b"] = "a"
    colour: Colour | None = None
    address: str = wire(default="", format="uri")


def outer(**about: Any) -> dict[str, Any]:
    schemas = Schemas(**about)
    schemas.of(Outer)
    return schemas.components["Outer"]


class TestSchemas:
    @pytest.mark.parametrize(
        ("name", "schema"),
        [
            ("inner", {"$ref": "#/components/schemas/Inner"}),
            (
                "firstName",
                {"type": "string", "description": "As in passports", "examples": ["Ada"]},
            ),
            ("coupon", {"type": ["string", "null"]}),
            ("other", {"anyOf": [{"$ref": "#/components/schemas/Inner"}, {"type": "null"}]}),
            (
                "lines",
                {"type": "array", "items": {"$ref": "#/components/schemas/Inner"}, "maxItems": 3},
            ),
            ("pair", {"type": "array", "items": {"type": "integer"}}),
            ("texts", {"type": "object", "additionalProperties": {"type": "string"}}),
            ("anything", {"type": "object", "additionalProperties": {}}),
            ("count", {"type": "integer", "minimum": 1, "maximum": 9}),
            ("share", {"type": "number"}),
            ("flag", {"type": "boolean"}),
            ("at", {"type": ["string", "null"], "format": "date-time"}),
            ("kind", {"type": "string", "enum": ["a", "b"]}),
            (
                "colour",
                {"anyOf": [{"type": "string", "enum": ["red", "blue"]}, {"type": "null"}]},
            ),
            ("address", {"type": "string", "format": "uri"}),
        ],
    )
    def test_every_type_has_its_schema(self, name: str, schema: dict[str, Any]) -> None:
        """With its bounds, under its name on the wire."""
        assert outer()["properties"][name] == schema

    def test_fields_without_a_default_are_required(self) -> None:
        """And only they."""
        assert outer()["required"] == ["inner", "firstName"]

    def test_what_is_read_takes_no_other_fields(self) -> None:
        """Neither the body nor what is within it; what is answered may grow."""
        schemas = Schemas(closed=frozenset({Outer}))
        schemas.of(Outer)
        assert schemas.components["Outer"]["additionalProperties"] is False
        assert schemas.components["Inner"]["additionalProperties"] is False
        assert schemas.components["Inner"]["properties"]["sku"]["minLength"] == 1
        assert "additionalProperties" not in outer()

    def test_what_is_read_takes_null_for_absent(self) -> None:
        """Every field that may be left out may also be null; required ones may not."""
        fields = outer(closed=frozenset({Outer}))["properties"]
        assert fields["count"] == {"type": ["integer", "null"], "minimum": 1, "maximum": 9}
        assert fields["lines"]["type"] == ["array", "null"]
        assert fields["kind"] == {
            "anyOf": [{"type": "string", "enum": ["a", "b"]}, {"type": "null"}]
        }
        assert fields["firstName"]["type"] == "string"
        assert outer()["properties"]["count"]["type"] == "integer"

    def test_two_classes_of_one_name_are_two_components(self) -> None:
        """Nothing is described by another's schema."""

        @frozen(kw_only=True)
        class Inner:
            """Another."""

            number: int

        schemas = Schemas()
        first, second = schemas.of(Outer), schemas.of(Inner)
        assert first != second
        assert len(schemas.components) == 3


class TestDocument:
    def test_every_served_route_is_described_and_nothing_else(self) -> None:
        """The document and the application come from one table."""
        routes = [
            route(path="/a"),
            route(path="/a", method="POST", body=Outer),
            route(path="/b/{id}", both=True),
            route(path="/c", prefix=False),
        ]
        app = build_application(routes, config=HttpConfig(route_prefix="/p"))
        paths: Any = document(app[SERVED].routes)["paths"]
        described = {(method.upper(), path) for path, each in paths.items() for method in each}
        served = {
            (found.method, found.resource.canonical)
            for found in app.router.routes()
            if found.resource is not None
        }
        assert described == served
        assert set(paths) == {"/p/a", "/p/b/{id}", "/b/{id}", "/c"}

    def test_operation_ids_are_unique(self) -> None:
        """Also where one route is found at two paths."""
        table = [("/p/m", route(path="/m", both=True))]
        both: Any = document([*table, ("/m", table[0][1])])["paths"]
        ids = [each["get"]["operationId"] for each in both.values()]
        assert ids == ["get_m", "get_m_unprefixed"]

    def test_parameters_of_the_path_are_there_unasked(self) -> None:
        """Declared ones keep their words, the others are plain text."""
        told = Parameter(name="q", where="query", description="What", schema={"maxLength": 5})
        made: Any = document([("/b/{id}", route(path="/b/{id}", parameters=(told,)))])["paths"]
        assert made["/b/{id}"]["get"]["parameters"] == [
            {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}},
            {
                "name": "q",
                "in": "query",
                "required": False,
                "schema": {"type": "string", "maxLength": 5},
                "description": "What",
            },
        ]

    def test_answers_have_their_types_and_errors_the_envelope(self) -> None:
        """The default answer is the envelope with every code."""
        answers = (
            Answer(status=200, description="Text.", content_type="text/plain"),
            Answer(status=201, description="Made.", body=Inner),
        )
        made: Any = document([("/a", route(path="/a", answers=answers))])
        responses = made["paths"]["/a"]["get"]["responses"]
        assert responses["200"]["content"] == {"text/plain": {"schema": {"type": "string"}}}
        assert responses["201"]["content"]["application/json"]["schema"]["$ref"].endswith("Inner")
        assert responses["default"]["content"]["application/json"]["schema"]["$ref"].endswith(
            "Error"
        )
        codes = made["components"]["schemas"]["Error"]["properties"]["error"]["properties"]["code"]
        assert "timeout" in codes["enum"]
