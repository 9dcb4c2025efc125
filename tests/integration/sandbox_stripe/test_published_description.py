"""The sandbox's Stripe against the OpenAPI description that Stripe publishes."""

import asyncio
from collections.abc import Sequence

import pytest

from support.stripe_day import Told, a_day
from support.stripe_mutants import spoiled_calls
from support.stripe_spec import Spec
from tillway.core.contracts.counts import count
from tillway.entrypoints.sandbox.stripe.face import Heard
from tillway.entrypoints.sandbox.stripe.serve import ROUTES

SPOILED = 900  # as many as an account shows
ACCOUNTS = count(1, 40)


@pytest.fixture(scope="module")
def told() -> Told:
    """Live through the day."""
    return asyncio.run(a_day())


class TestDay:
    def test_every_route_is_stripes(self, spec: Spec) -> None:
        """None was made up."""
        assert [each.path for each in ROUTES if not spec.operation(each.method, each.path)] == []

    def test_every_route_was_used(self, told: Told) -> None:
        """So that what follows is about all of them."""
        used = {(each.method, each.route) for each in told.calls if each.status == 200}
        assert {(each.method, each.path) for each in ROUTES} == used

    def test_calls_have_stripes_parameters(self, spec: Spec, told: Told) -> None:
        """The SDK sends no others, and the sandbox takes none that Stripe has not."""
        for call in told.calls:
            if call.status == 200:
                assert spec.call_faults(call.method, call.route, call.params) == [], call

    def test_answers_have_stripes_shape(self, spec: Spec, told: Told) -> None:
        """Every member that is required, and none that Stripe's objects have not."""
        for call in told.calls:
            if call.status == 200:
                faults = spec.answer_faults(call.method, call.route, call.answer)
                assert faults == [], (call.method, call.route)

    def test_errors_have_stripes_shape(self, spec: Spec, told: Told) -> None:
        """Type, code, message and what goes with them."""
        refused = [each for each in told.calls if each.status != 200]
        assert {each.status for each in refused} == {400, 402, 404}
        for call in refused:
            error = {"$ref": "#/components/schemas/error"}
            assert spec.faults(call.answer, error) == [], call.answer

    def test_events_tell_of_objects_of_stripes_shape(self, spec: Spec, told: Told) -> None:
        """Each is about one that is whole."""
        assert len({each["type"] for each in told.events}) > 30
        for event in told.events:
            assert spec.object_faults(event["data"]["object"]) == [], event["type"]


class TestMistakes:
    @pytest.fixture(scope="class", params=range(ACCOUNTS))
    @classmethod
    def spoiled(cls, request: pytest.FixtureRequest) -> Sequence[Heard]:
        """Make calls that are spoiled somewhere."""
        return asyncio.run(spoiled_calls(request.param, SPOILED))

    def test_whatever_is_asked_is_answered(self, spoiled: Sequence[Heard]) -> None:
        """Done or refused, and never by a crash."""
        assert len(spoiled) > SPOILED // 2
        assert {each.status for each in spoiled} <= {200, 400, 402, 404}

    def test_whatever_is_done_has_stripes_shape(self, spec: Spec, spoiled: Sequence[Heard]) -> None:
        """And whatever is refused."""
        for call in spoiled:
            if call.status == 200:
                faults = spec.answer_faults(call.method, call.route, call.answer)
            else:
                faults = spec.faults(call.answer, {"$ref": "#/components/schemas/error"})
            assert faults == [], (call.method, call.path, call.params)
