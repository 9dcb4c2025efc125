"""The laws of claiming: one payment is claimed once, whatever races."""

import asyncio

import pytest
from attrs import evolve

from tillway.core.contracts.samples import (
    AWKWARD,
    NOW,
    OTHER,
    failed,
    key_of,
    payment,
    reservation,
    settled,
)
from tillway.core.contracts.stores.steps import claim, count, fail, find, settle, total
from tillway.core.payments import Asked, Chain, Word
from tillway.core.ports.store import Claimed, Store, Taken


@pytest.mark.asyncio
class ClaimLaws:
    """``Payments.claim``, ``find`` and ``by_signature``."""

    async def test_a_claim_is_found_as_it_was_written(self, store: Store) -> None:
        """Every field comes back equal, bytes and microseconds included."""
        written = payment("a", reservations=(reservation(), reservation("shared", tenant=None)))
        assert await claim(store, written) == Claimed()
        assert await find(store, written) == written

    async def test_any_text_is_kept(self, store: Store) -> None:
        """Text from outside comes back as it went in and is never understood."""
        metadata = {AWKWARD: AWKWARD, "": ""}
        written = payment("a", signature=AWKWARD, metadata=metadata, coupons=(AWKWARD,))
        await claim(store, written)
        assert await find(store, written) == written
        async with store.view() as view:
            assert await view.payments.by_signature(written.tenant, AWKWARD) == written

    async def test_who_signed_for_a_repeat_is_not_stored(self, store: Store) -> None:
        """A fresh signature is good for its own request only."""
        word = Word(signer="payer-wallet", message="repeat", signature="signed")
        asked = Asked(request="GET /article", address="192.0.2.1", word=word)
        await claim(store, payment("a", asked=asked))
        assert await find(store, payment("a")) == payment("a", asked=evolve(asked, word=None))

    async def test_a_repeat_finds_the_first_and_changes_nothing(self, store: Store) -> None:
        """The second claim of a key gets the first as it stands."""
        first = payment("a", reservations=(reservation("sold", limit=None),))
        again = evolve(first, owner="process-b", signature="another", metadata={})
        await claim(store, first)
        assert await claim(store, again) == Taken(payment=first)
        assert await find(store, first) == first
        assert await total(store, "sold") == 1

    async def test_one_unit_claims_one_key_once(self, store: Store) -> None:
        """A unit sees its own claim."""
        async with store.begin() as unit:
            assert await unit.payments.claim(payment("a")) == Claimed()
            assert await unit.payments.claim(payment("a")) == Taken(payment=payment("a"))

    async def test_an_ended_payment_stays_claimed(self, store: Store) -> None:
        """Neither success nor failure frees a key."""
        good, bad = payment("good"), payment("bad")
        for one in (good, bad):
            await claim(store, one)
        await settle(store, settled(good))
        await fail(store, failed(bad))
        assert await claim(store, good) == Taken(payment=settled(good))
        assert await claim(store, bad) == Taken(payment=failed(bad))

    async def test_a_signature_is_claimed_once_for_its_chain(self, store: Store) -> None:
        """Another message with a known signature finds that signature's payment."""
        first = payment("a")
        await claim(store, first)
        stolen = payment("b", signature=first.signature)
        assert await claim(store, stolen) == Taken(payment=first)
        assert await find(store, stolen) is None

    async def test_chains_do_not_share_keys_or_signatures(self, store: Store) -> None:
        """What is unique is unique for its chain."""
        first = payment("a")
        second = evolve(first, chain=Chain("elsewhere"), created_at=NOW.replace(microsecond=0))
        assert await claim(store, first) == Claimed()
        assert await claim(store, second) == Claimed()
        assert await find(store, first) == first
        assert await find(store, second) == second
        async with store.view() as view:
            assert await view.payments.by_signature(first.tenant, first.signature) == first

    async def test_another_tenant_finds_the_first_claim(self, store: Store) -> None:
        """A key is the chain's, so no second tenant can sell for the same money."""
        await claim(store, payment("a"))
        assert await claim(store, payment("a", OTHER)) == Taken(payment=payment("a"))

    async def test_what_is_unknown_is_not_found(self, store: Store) -> None:
        """Absence is None."""
        assert await find(store, payment("a")) is None
        async with store.view() as view:
            assert await view.payments.by_signature(payment("a").tenant, "unknown") is None

    async def test_of_identical_claims_at_once_one_wins(self, store: Store) -> None:
        """64 claims of one payment at the same time: one winner, and all others find it."""
        for n in range(count(2, 50)):
            claims = [payment(f"race-{n}", owner=f"process-{who}") for who in range(64)]
            results = await asyncio.gather(*(claim(store, each) for each in claims))
            winners = [each for each, got in zip(claims, results, strict=True) if got == Claimed()]
            assert len(winners) == 1
            assert results.count(Taken(payment=winners[0])) == 63

    async def test_of_claims_of_one_signature_at_once_one_wins(self, store: Store) -> None:
        """Different messages race for one signature: one winner."""
        claims = [payment(str(n), signature="same") for n in range(16)]
        results = await asyncio.gather(*(claim(store, each) for each in claims))
        assert results.count(Claimed()) == 1
        assert len({key_of(str(n)) for n in range(16)}) == 16
