"""How many malformed inputs there are of each kind, and what is drawn for all kinds at once."""

from typing import Final

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from support.fuzz_bodies import all_bodies
from support.fuzz_payments import (
    altered_payments,
    any_sending,
    damaged_payments,
    garbage,
    lone_json,
    sized_payments,
    usual_sending,
)
from support.fuzz_requests import requests
from support.wire_payments import Payments
from tillway.core.contracts.counts import FULL

INPUTS: Final = {
    "garbage": 1_000,
    "altered": 1_500,
    "altered, well sent": 1_500,
    "sized": 300,
    "damaged": 2_400,
    "bodies": 2_000,
    "requests": 1_000,
    "broken HTTP": 300,
}
"""With ``TILLWAY_TESTS=full``; a fortieth of it otherwise."""

ALL: Final = sum(INPUTS.values())


def counted(count: int) -> settings:
    """Run so many examples, however long they take."""
    return settings(
        max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )


def inputs(kind: str) -> settings:
    """Run as many inputs as there should be of a kind."""
    return counted(INPUTS[kind] if FULL else INPUTS[kind] // 40)


def whole_requests(payments: Payments) -> "st.SearchStrategy[bytes]":
    """Draw any malformed input that is still HTTP."""
    return st.one_of(
        st.builds(lambda sending, text: sending.request(text), any_sending, garbage | lone_json),
        st.builds(
            lambda sending, payment: sending.request(payment.text(payments)),
            any_sending,
            altered_payments | sized_payments,
        ),
        st.builds(
            lambda sending, payment: sending.request(payment.text(payments)),
            usual_sending,
            altered_payments | damaged_payments,
        ),
        all_bodies,
        requests,
    )
