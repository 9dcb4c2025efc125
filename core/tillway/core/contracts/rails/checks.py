"""The laws of checking and signing: everything is refused that can be, and nothing is spent."""

import asyncio

import pytest
from attrs import evolve

from tillway.core.contracts.rails.garbage import tampered
from tillway.core.contracts.rails.stage import Paid, Trial, dearer
from tillway.core.contracts.stores.steps import count
from tillway.core.errors import Declined
from tillway.core.payments import Reservation, Unresolved
from tillway.core.ports.rails import Checked, Checks, Identity, Proof

_MOST = 2**63 - 1


@pytest.mark.asyncio
class CheckLaws:
    """``Checks.check``."""

    async def test_a_good_proof_passes(self, trial: Trial) -> None:
        """With its own identity and quote, and as one that has not landed."""
        assert isinstance(trial.rail, Checks)
        for version in trial.versions():
            paid = await trial.paid(version)
            checked = await trial.check(paid)
            assert isinstance(checked, Checked)
            assert _which(checked.identity) == _which(trial.rail.identify(paid.proof))
            assert (checked.proof, checked.quote) == (paid.proof, paid.quote)
            assert not checked.landed

    async def test_checking_spends_nothing(self, trial: Trial) -> None:
        """Ten checks move nothing, and leave the payment to be made."""
        paid, before = await trial.paid(), await trial.moved()
        for _ in range(10):
            await trial.check(paid)
        assert await trial.moved() == before
        await trial.send(await trial.sign(paid))
        assert await trial.moved() == before + paid.price

    async def test_a_repeat_gives_the_same(self, trial: Trial) -> None:
        """One after another, and all at once."""
        paid = await trial.paid()
        first = await trial.check(paid)
        again = [await trial.check(paid)]
        again += await asyncio.gather(*(trial.check(paid) for _ in range(8)))
        for each in again:
            assert (each.identity, each.quote) == (first.identity, first.quote)
            assert each.landed == first.landed

    async def test_another_amount_is_declined(self, trial: Trial) -> None:
        """One unit less, one more, half, double: only the very amount pays a quote."""
        for version in trial.versions():
            paid = await trial.paid(version)
            for minor in (paid.price - 1, paid.price + 1, paid.price // 2, paid.price * 2):
                quote = evolve(paid.quote, amount=dearer(paid.quote, minor))
                with pytest.raises(Declined):
                    await trial.rail.check(paid.proof, quote)

    async def test_a_tampered_payload_is_declined_or_the_same_payment(self, trial: Trial) -> None:
        """Whatever is turned, no other payment comes of it."""
        for version in trial.versions():
            paid = await trial.paid(version)
            for payload in tampered(paid.proof.payload, count(24, 2000)):
                await _decline_or_same(trial, paid, evolve(paid.proof, payload=payload))

    async def test_a_proof_that_was_paid_is_not_paid_again(self, trial: Trial) -> None:
        """It is Declined, or known to have landed, and then it is only looked up."""
        paid = await trial.paid()
        await trial.send(await trial.sign(paid))
        before = await trial.moved()
        checked = await _checked(trial, paid, paid.proof)
        if checked is not None:
            assert checked.landed
            await trial.look(await trial.rail.sign(checked))
        assert await trial.moved() == before


@pytest.mark.asyncio
class SignLaws:
    """``Checks.sign``."""

    async def test_signing_sends_nothing(self, trial: Trial) -> None:
        """Nothing moves, and nobody can find it yet."""
        paid, before = await trial.paid(), await trial.moved()
        signed = await trial.sign(paid)
        assert isinstance(await trial.look(signed), Unresolved)
        assert await trial.moved() == before

    async def test_what_is_signed_is_what_was_identified(self, trial: Trial) -> None:
        """The same chain and key, however often it is signed."""
        for version in trial.versions():
            paid = await trial.paid(version)
            found = trial.rail.identify(paid.proof)
            for signed in (await trial.sign(paid), await trial.sign(paid)):
                assert (signed.chain, signed.key) == (found.chain, found.key)
                assert not signed.landed

    async def test_what_is_signed_can_be_stored(self, trial: Trial) -> None:
        """Bytes, a signature, heights of 64 bits, reservations that each have a name."""
        signed = await trial.sign(await trial.paid())
        assert isinstance(signed.payload, bytes)
        assert signed.payload
        assert signed.signature
        for height in (signed.last_valid_height, signed.seen_height, signed.seen_slot):
            assert 0 <= height <= _MOST
        assert all(isinstance(each, Reservation) for each in signed.reservations)
        names = [(each.name, each.tenant) for each in signed.reservations]
        assert len(set(names)) == len(names)

    async def test_two_payments_have_two_signatures(self, trial: Trial) -> None:
        """A signature names one payment of its chain."""
        signed = [await trial.sign(await trial.paid()) for _ in range(3)]
        assert len({each.signature for each in signed}) == 3


async def _decline_or_same(trial: Trial, paid: Paid, proof: Proof) -> None:
    checked = await _checked(trial, paid, proof)
    if checked is not None:
        assert _which(checked.identity) == _which(trial.rail.identify(paid.proof))


async def _checked(trial: Trial, paid: Paid, proof: Proof) -> Checked | None:
    try:
        return await trial.rail.check(proof, paid.quote)
    except Declined:
        return None


def _which(identity: Identity) -> tuple[str, str]:
    return identity.chain, identity.key
