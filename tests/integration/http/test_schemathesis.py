"""Generated requests to the gateway as it is run, held to nothing but what is described.

The description has a default answer for whatever else may happen. Here it is taken out: every
status has to be named, with its body.
"""

from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import given
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.schemas import APIOperation

from support.fuzz import counted
from support.raw_http import request
from support.served import Gateway
from tillway.core.contracts.counts import count

CONFIG = Path(__file__).parent / "schemathesis.toml"
EXAMPLES = count(6, 200)


@pytest.fixture
def described(gateway: Gateway) -> Any:
    """Load the description that the gateway serves, without its default answers."""
    document = gateway.wire.ask(request(b"GET", b"/openapi.json")).json()
    for operation in operations(document):
        del operation["responses"]["default"]
    config = SchemathesisConfig.from_path(CONFIG)
    schema = schemathesis.openapi.from_dict(document, config=config)
    schema.config.update(base_url="http://{}:{}".format(*gateway.address))
    return schema


def operations(document: Any) -> list[dict[str, Any]]:
    """List what is described."""
    return [each for path in document["paths"].values() for each in path.values()]


def exercise(operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode) -> int:
    """Call an operation with requests that fit its description or do not; count them."""
    calls = 0

    @counted(EXAMPLES)
    @given(case=operation.as_strategy(generation_mode=mode))
    def called(case: "schemathesis.Case[Any]") -> None:
        nonlocal calls
        calls += 1
        case.call_and_validate()

    called()
    return calls


class TestDescribed:
    @pytest.mark.parametrize("mode", list(GenerationMode))
    def test_all_that_is_answered_is_named(self, described: Any, mode: GenerationMode) -> None:
        """Status, content type, headers and body, for requests that fit and that do not."""
        found = [each.ok() for each in described.get_all_operations()]
        if mode.is_negative:
            found = [each for each in found if each.body]  # any text fits all else

        called = {each.label: exercise(each, mode) for each in found}

        assert called
        assert all(called.values())

    def test_every_error_has_the_envelope(self, gateway: Gateway) -> None:
        """No operation leaves its errors to the default answer."""
        document = gateway.wire.ask(request(b"GET", b"/openapi.json")).json()
        envelope = {"$ref": "#/components/schemas/Error"}
        for operation in operations(document):
            answers = operation["responses"]
            assert {"413", "500", "503", "504", "default"} <= set(answers)
            for status, answer in answers.items():
                if status in ("413", "500", "503", "504", "default"):
                    assert answer["content"]["application/json"]["schema"] == envelope
