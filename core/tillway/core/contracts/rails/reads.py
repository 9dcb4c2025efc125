"""The laws of reading: a rail knows its own payments, and leaves others' alone."""

import copy
from contextlib import suppress
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings

from tillway.core.contracts.rails.garbage import envelopes, padded, spoiled
from tillway.core.contracts.rails.stage import Envelope, Trial
from tillway.core.contracts.stores.steps import count
from tillway.core.errors import Code, Declined
from tillway.core.ports.rails import Identity, Proof, Reads

_NOWHERE: Final = {"scheme": "no-such-scheme", "network": "nowhere:1"}

FOREIGN: Final[tuple[Envelope, ...]] = (
    {},
    {"x402Version": 0, **_NOWHERE, "payload": {}},
    {"x402Version": 1, **_NOWHERE, "payload": {"transaction": "AAAA"}},
    {"x402Version": 2, "accepted": _NOWHERE, "payload": {"transaction": "AAAA"}},
    {"x402Version": 2, "accepted": {}, "payload": {}},
    {"x402Version": 2, "payload": {}},
    {"x402Version": 99, **_NOWHERE, "payload": {}},
    {"x402Version": -1, **_NOWHERE, "payload": {}},
    {"x402Version": "2", "accepted": _NOWHERE, "payload": {}},
    {"unknown": [1, 2, 3]},
)
"""Payments that no rail knows."""

FROM_ANY_CLASS: Final = (HealthCheck.function_scoped_fixture, HealthCheck.differing_executors)
"""Laws are inherited by many classes, and what they try does not change the rail."""


@pytest.mark.asyncio
class ReadLaws:
    """``Reads``: ``read``."""

    async def test_it_knows_its_own_payment(self, trial: Trial) -> None:
        """The proof names the rail and the version; version 2 brings the sealed quote back."""
        assert isinstance(trial.rail, Reads)
        for version in trial.versions():
            paid = await trial.paid(version)
            assert (paid.proof.rail, paid.proof.version) == (trial.rail.name, version)
            assert paid.proof.network
            assert paid.proof.payload
            assert paid.proof.sealed == paid.sealed or version < 2

    async def test_others_payments_are_none_of_its_business(self, trial: Trial) -> None:
        """None, so that another rail can read them."""
        for envelope in FOREIGN:
            assert trial.rail.read(envelope) is None

    async def test_its_own_payment_under_another_scheme_is_not_its_own(self, trial: Trial) -> None:
        """The scheme decides whose it is."""
        for version in trial.versions():
            envelope = copy.deepcopy(dict((await trial.paid(version)).envelope))
            place = envelope["accepted"] if version == 2 else envelope
            assert isinstance(place, dict)
            place["scheme"] = "no-such-scheme"
            assert trial.rail.read(envelope) is None

    async def test_reading_is_pure(self, trial: Trial) -> None:
        """The same again, and the envelope is as it was."""
        for version in trial.versions():
            paid = await trial.paid(version)
            before = copy.deepcopy(paid.envelope)
            assert trial.rail.read(paid.envelope) == trial.rail.read(paid.envelope) == paid.proof
            assert paid.envelope == before

    async def test_unknown_members_are_tolerated(self, trial: Trial) -> None:
        """Clients add their own; the payment is the same."""
        for version in trial.versions():
            paid = await trial.paid(version)
            key = trial.rail.identify(paid.proof).key
            assert trial.identify(padded(paid.envelope)).key == key

    async def test_what_is_malformed_is_declined(self, trial: Trial) -> None:
        """Every member, gone or replaced by junk: refused, foreign, or still a payment."""
        for version in trial.versions():
            for envelope in spoiled((await trial.paid(version)).envelope):
                _judge(trial, envelope)

    async def test_an_empty_payload_is_declined(self, trial: Trial) -> None:
        """It is the rail's, and it is no payment."""
        for version in trial.versions():
            paid = await trial.paid(version)
            with pytest.raises(Declined) as caught:
                trial.rail.read({**paid.envelope, "payload": {}})
            assert caught.value.code is Code.INVALID_PAYMENT_PROOF

    @settings(max_examples=count(50, 5000), deadline=None, suppress_health_check=FROM_ANY_CLASS)
    @given(envelope=envelopes)
    async def test_anything_at_all_can_be_read(self, trial: Trial, envelope: Envelope) -> None:
        """Whatever JSON says, the answer is a proof, None, or Declined."""
        _judge(trial, envelope)


def _judge(trial: Trial, envelope: Envelope) -> None:
    """Read and identify an envelope of any kind; only Declined may be raised."""
    proof, refused = _read(trial, envelope)
    assert refused in (None, Code.INVALID_PAYMENT_PROOF)
    assert isinstance(proof, Proof | None)
    if proof is not None:
        with suppress(Declined):
            assert isinstance(trial.rail.identify(proof), Identity)


def _read(trial: Trial, envelope: Envelope) -> tuple[Proof | None, Code | None]:
    try:
        return trial.rail.read(envelope), None
    except Declined as refusal:
        return None, refusal.code
