"""The OpenAPI 3.1 description, written from the table of routes and the classes of their bodies."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from tillway.core.errors import Code
from tillway.entrypoints.http.schemas import Schemas
from tillway.entrypoints.http.statuses import STATUSES
from tillway.plugins.api import Answer, Parameter, Route

OPENAPI: Final = "3.1.0"
JSON: Final = "application/json"
ERROR: Final = "Error"
BODY: Final = (Code.MISSING_FIELD, Code.INVALID_FIELD)
EVERYWHERE: Final = (
    Code.PAYLOAD_TOO_LARGE,
    Code.INTERNAL_ERROR,
    Code.SERVICE_UNAVAILABLE,
    Code.TIMEOUT,
)
"""What any route may answer, whatever it does."""

_ENVELOPE: Final = {"$ref": f"#/components/schemas/{ERROR}"}
_VARIABLE: Final = re.compile(r"\{(\w+)\}")

Document = dict[str, object]


def document(
    routes: Iterable[tuple[str, Route]], *, version: str = "", server: str = ""
) -> Document:
    """Describe these routes by their full paths.

    ``server`` is the path under which all of them are mounted. Every operation has its own
    errors by status, with their codes, and the error envelope as its default answer.
    """
    table = tuple(routes)
    schemas = Schemas(closed=frozenset(route.body for _, route in table if route.body))
    paths: dict[str, dict[str, object]] = {}
    seen: set[str] = set()
    for path, route in table:
        operation = _operation(path, route, schemas, again=route.name in seen)
        paths.setdefault(path, {})[route.method.lower()] = operation
        seen.add(route.name)
    return {
        "openapi": OPENAPI,
        "info": {"title": "Tillway", "version": version or "0"},
        "servers": [{"url": server or "/"}],
        "paths": paths,
        "components": {"schemas": {**schemas.components, ERROR: _error()}},
    }


def _operation(path: str, route: Route, schemas: Schemas, *, again: bool) -> Document:
    operation: Document = {
        "operationId": f"{route.name}_unprefixed" if again else route.name,
        "summary": route.summary,
        "responses": _responses(route, schemas),
    }
    parameters = [*_undeclared(path, route.parameters), *map(_parameter, route.parameters)]
    if parameters:
        operation["parameters"] = parameters
    if route.body is not None:
        content = {JSON: {"schema": schemas.of(route.body)}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _undeclared(path: str, declared: Sequence[Parameter]) -> Iterable[Document]:
    known = {parameter.name for parameter in declared if parameter.where == "path"}
    for name in _VARIABLE.findall(path):
        if name not in known:
            yield _parameter(Parameter(name=name, where="path", required=True))


def _parameter(parameter: Parameter) -> Document:
    written: Document = {
        "name": parameter.name,
        "in": parameter.where,
        "required": parameter.required,
        "schema": {"type": "string", **parameter.schema},
    }
    return {**written, "description": parameter.description} if parameter.description else written


def refusals(route: Route) -> Mapping[int, Sequence[Code]]:
    """Give the codes of a route's errors by their statuses, both in their order."""
    own = (*BODY, *route.refusals) if route.body is not None else route.refusals
    codes = dict.fromkeys((*own, *EVERYWHERE))
    return {
        status: [code for code in codes if STATUSES[code] == status]
        for status in sorted({STATUSES[code] for code in codes})
    }


def _responses(route: Route, schemas: Schemas) -> Document:
    found: dict[str, Document] = {}
    for status in dict.fromkeys(each.status for each in route.answers):
        same = [each for each in route.answers if each.status == status]
        found[str(status)] = _answered(same, schemas)
    for refused, codes in refusals(route).items():
        known = [each for each in route.answers if each.status == refused]
        found[str(refused)] = _refused(codes, known, schemas)
    return {**found, "default": _default()}


def _refused(codes: Sequence[Code], known: Sequence[Answer], schemas: Schemas) -> Document:
    """Describe errors, and what else is answered with their status."""
    described = [*(each.description for each in known), ", ".join(f"`{each}`" for each in codes)]
    bodies = [schemas.of(each.body) for each in known if each.body is not None]
    schema = {"anyOf": [*bodies, _ENVELOPE]} if bodies else _ENVELOPE
    others = {
        each.content_type: {"schema": {"type": "string"}}
        for each in known
        if each.content_type != JSON
    }
    content = {JSON: {"schema": schema}, **others}
    return {"description": " ".join(described), "content": content}


def _answered(same: Sequence[Answer], schemas: Schemas) -> Document:
    """Describe the answers of one status, by their types."""
    words = dict.fromkeys(each.description for each in same)
    content = {each.content_type: {"schema": _schema(each, schemas)} for each in same}
    return {"description": " ".join(words), "content": content}


def _schema(answer: Answer, schemas: Schemas) -> Document:
    if answer.body is not None:
        return schemas.of(answer.body)
    return {"type": "object" if answer.content_type == JSON else "string"}


def _default() -> Document:
    return {"description": "Another error.", "content": {JSON: {"schema": _ENVELOPE}}}


def _error() -> Document:
    inner = {
        "type": "object",
        "required": ["code", "message", "retryable"],
        "properties": {
            "code": {"type": "string", "enum": [code.value for code in Code]},
            "message": {"type": "string"},
            "retryable": {"type": "boolean"},
            "details": {"type": "object"},
        },
    }
    return {
        "type": "object",
        "description": "What went wrong, and whether asking again may help.",
        "required": ["error"],
        "properties": {"error": inner},
    }
