"""The laws of identity: a payment has one key, whoever shows it and however it is written."""

import re
from collections.abc import Callable, Sequence
from typing import Final

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from tillway.core.contracts.rails.garbage import tampered
from tillway.core.contracts.rails.reads import FROM_ANY_CLASS
from tillway.core.contracts.rails.stage import Envelope, Paid, Trial
from tillway.core.contracts.stores.steps import count
from tillway.core.errors import Declined
from tillway.core.ports.rails import Identity, Proof

_KEY: Final = re.compile(r"[0-9a-f]{64}")


@pytest.mark.asyncio
class IdentityLaws:
    """``Checks.identify``."""

    async def test_an_identity_is_complete(self, trial: Trial) -> None:
        """A chain, a key of 64 hexadecimal digits, who pays, and the amount if it shows."""
        for version in trial.versions():
            paid = await trial.paid(version)
            found = trial.rail.identify(paid.proof)
            assert found.chain
            assert _KEY.fullmatch(found.key)
            assert isinstance(found.payer, str)
            assert found.amount in (None, paid.price)

    async def test_identifying_is_pure(self, trial: Trial) -> None:
        """The same at every asking: before the payment, on its way, and after it."""
        paid, before = await trial.paid(), await trial.moved()
        first = trial.rail.identify(paid.proof)
        signed = await trial.sign(paid)
        assert trial.rail.identify(paid.proof) == first
        assert await trial.moved() == before
        await trial.send(signed)
        assert trial.rail.identify(paid.proof) == first

    async def test_a_clients_words_do_not_change_the_key(self, trial: Trial) -> None:
        """The key is computed from what was signed, never from what is said about it."""
        paid = await trial.paid()
        key = trial.rail.identify(paid.proof).key
        for proof in _reworded(paid.proof):
            assert trial.rail.identify(proof).key == key

    async def test_two_proofs_of_one_payment_have_one_key(
        self, trial: Trial, retold: Callable[[Envelope], Sequence[Envelope]]
    ) -> None:
        """In other words, other encodings and under other signatures it stays one payment."""
        for version in trial.versions():
            paid = await trial.paid(version)
            first, others = trial.rail.identify(paid.proof), retold(paid.envelope)
            assert others
            for envelope in others:
                again = trial.identify(envelope)
                assert (again.chain, again.key) == (first.chain, first.key)

    async def test_two_payments_have_two_keys(self, trial: Trial) -> None:
        """Equal amounts to one seller are still two."""
        paid = [await trial.paid() for _ in range(5)]
        assert len({trial.rail.identify(each.proof).key for each in paid}) == 5

    async def test_a_tampered_payload_is_declined_or_identified(self, trial: Trial) -> None:
        """Cut, lengthened, and with single bits turned: Declined, never anything else."""
        for version in trial.versions():
            paid = await trial.paid(version)
            for payload in tampered(paid.proof.payload, count(60, 2000)):
                _identify_or_decline(trial, evolve(paid.proof, payload=payload))

    @settings(max_examples=count(50, 5000), deadline=None, suppress_health_check=FROM_ANY_CLASS)
    @given(payload=st.binary(max_size=1500))
    async def test_any_bytes_are_declined_or_identified(
        self, trial: Trial, presented: Paid, payload: bytes
    ) -> None:
        """Whatever is presented as signed, the answer is an identity or Declined."""
        _identify_or_decline(trial, evolve(presented.proof, payload=payload))


def _identify_or_decline(trial: Trial, proof: Proof) -> None:
    """Identify a proof of any kind; only Declined may be raised."""
    found = _identified(trial, proof)
    if found is not None:
        assert isinstance(found, Identity)
        assert _KEY.fullmatch(found.key)


def _identified(trial: Trial, proof: Proof) -> Identity | None:
    try:
        return trial.rail.identify(proof)
    except Declined:
        return None


def _reworded(proof: Proof) -> Sequence[Proof]:
    return (
        evolve(proof, resource="another", resource_type="cart", coupon="HALF"),
        evolve(proof, metadata={"order": "17", "key": "0" * 64}),
        evolve(proof, address="203.0.113.9"),
        evolve(proof, sealed=None),
        evolve(proof, sealed="q1.another"),
    )
