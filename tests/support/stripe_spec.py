"""Stripe's published OpenAPI description, and whether calls and answers agree with it.

It comes with the source of stripe-mock, Stripe's own server for tests, as a module of Go.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import jsonschema_rs
import orjson
from attrs import define, field

MODULE: Final = "github.com/stripe/stripe-mock@v0.203.0"
_CACHE: Final = Path(__file__).parents[2] / ".pytest_cache" / "d" / "stripe-spec3-0.203.0.json"
_PATIENCE: Final = 60


class NoSpec(Exception):
    """The description cannot be had here; the text says why."""


def stripe_spec() -> "Spec":
    """Give the description: downloaded once, and kept in the tests' cache."""
    if not _CACHE.exists():
        _download()
    return Spec(orjson.loads(_CACHE.read_bytes()))


def _download() -> None:
    go = shutil.which("go")
    if go is None:
        raise NoSpec("Stripe's OpenAPI description comes as a module of Go, which is not here")
    with tempfile.TemporaryDirectory(prefix="tillway-stripe-") as folder:
        more = {"GOTOOLCHAIN": "local", "GOFLAGS": "-modcacherw", "GOPATH": folder}
        try:
            done = subprocess.run(
                [go, "mod", "download", "-json", MODULE],
                cwd=folder,
                env={**os.environ, **more},
                capture_output=True,
                text=True,
                timeout=_PATIENCE,
                check=True,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise NoSpec(f"{MODULE} cannot be downloaded: {error}") from error
        found = Path(json.loads(done.stdout)["Dir"]) / "embedded" / "openapi" / "spec3.json"
        _CACHE.parent.mkdir(parents=True, exist_ok=True)
        unique = _CACHE.with_name(f"{_CACHE.name}.{os.getpid()}")
        shutil.copy(found, unique)
        unique.replace(_CACHE)


@define
class Spec:
    """The description, with our paths found by their shape."""

    document: Mapping[str, Any]
    _schemas: Mapping[str, Any] = field(init=False)
    _paths: Mapping[str, Any] = field(init=False)
    _validators: dict[str, Any] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        """Make the schemas such that nothing more than they name is allowed."""
        schemas = self.document["components"]["schemas"]
        self._schemas = {name: _strict(schema) for name, schema in schemas.items()}
        self._paths = {_shape(path): verbs for path, verbs in self.document["paths"].items()}

    def operation(self, method: str, path: str) -> Mapping[str, Any] | None:
        """Give what Stripe says of a verb on a path of ours."""
        found: Mapping[str, Any] | None = self._paths.get(_shape(path), {}).get(method.lower())
        return found

    def faults(self, value: Any, schema: Mapping[str, Any]) -> list[str]:
        """Give what is wrong with an answer, in words."""
        key = orjson.dumps(schema).decode()
        if key not in self._validators:
            whole = {**_strict(schema), "components": {"schemas": self._schemas}}
            self._validators[key] = jsonschema_rs.Draft202012Validator(whole)
        errors = self._validators[key].iter_errors(value)
        return [f"{'.'.join(map(str, each.instance_path))}: {each.message}" for each in errors]

    def object_faults(self, value: Any) -> list[str]:
        """Give what is wrong with an object, whose schema has its kind's name."""
        return self.faults(value, {"$ref": f"#/components/schemas/{value['object']}"})

    def answer_faults(self, method: str, path: str, value: Any) -> list[str]:
        """Give what is wrong with the answer to a call that succeeded."""
        operation = self.operation(method, path)
        if operation is None:
            return [f"{method} {path} is not Stripe's"]
        schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
        return self.faults(value, schema)

    def call_faults(self, method: str, path: str, params: Mapping[str, Any]) -> list[str]:
        """Give what Stripe would not take of a call."""
        operation = self.operation(method, path)
        if operation is None:
            return [f"{method} {path} is not Stripe's"]
        if method == "POST":
            content = operation["requestBody"]["content"]
            (schema,) = [each["schema"] for each in content.values()]
        else:
            named = operation.get("parameters", [])
            schema = {"properties": {each["name"]: each["schema"] for each in named}}
        return _form_faults(params, schema, "")


def _shape(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path)


def _strict(schema: Any) -> Any:
    """Write OpenAPI 3.0 as JSON Schema, closed to members that it does not name."""
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: _strict(each) for name, each in schema.items() if name not in _NOT_SCHEMA}
    if isinstance(members := schema.get("properties"), dict):
        made["properties"] = {name: _strict(each) for name, each in members.items()}
    if "properties" in schema and "type" in schema and "additionalProperties" not in schema:
        made["additionalProperties"] = False
    if schema.get("nullable") is True:
        return {"anyOf": [made, {"type": "null"}]}
    return made


_NOT_SCHEMA: Final = ("nullable", "description", "title", "pattern")


def _form_faults(value: Any, schema: Mapping[str, Any], path: str) -> list[str]:
    """Check names and words of a form, in which every value is a text."""
    if "anyOf" in schema:
        found = [_form_faults(value, each, path) for each in schema["anyOf"]]
        return min(found, key=len)
    if schema.get("type") == "array" and isinstance(value, dict):
        return [
            fault
            for key, item in value.items()
            for fault in _form_faults(item, schema["items"], f"{path}[{key}]")
        ]
    if isinstance(value, dict):
        return _member_faults(value, schema, path)
    if "enum" in schema and value not in schema["enum"]:
        return [f"{path} cannot be {value}"]
    return [f"{path} is an object"] if schema.get("type") == "object" else []


def _member_faults(value: Any, schema: Mapping[str, Any], path: str) -> list[str]:
    known, more = schema.get("properties", {}), schema.get("additionalProperties")
    faults = []
    for name, item in value.items():
        inner = known.get(name, more)
        place = f"{path}[{name}]"
        faults += _form_faults(item, inner, place) if inner else [f"{place} is not Stripe's"]
    return faults
