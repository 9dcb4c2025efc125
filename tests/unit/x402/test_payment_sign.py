"""Co-signing, and what a payment holds while it runs."""

import pytest
from attrs import evolve
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from support.solana_fakes import (
    BALANCE,
    FakeChain,
    FakeClock,
    FakeWallets,
    checker_of,
    config_of,
    failing,
    token_account_bytes,
)
from support.transactions import (
    ISSUED_AT,
    PAYER,
    PRICE,
    SEALED,
    SELLER,
    SPONSOR,
    STRANGER,
    Draft,
    account_of,
    proof_of,
    quote_of,
    self_paid,
)
from tillway.adapters.x402.answers import Landed
from tillway.adapters.x402.config import Sponsoring
from tillway.adapters.x402.sign import Signer
from tillway.adapters.x402.sponsors import Budget, Signers
from tillway.adapters.x402.transaction import decode
from tillway.core.errors import Unavailable
from tillway.core.payments import Phase, Reservation
from tillway.core.ports.rails import Checked, Proof, Signed
from tillway.core.tenancy import DEFAULT

HOUR = ISSUED_AT // 3600
SPONSOR_NAME = f"sponsor:{SPONSOR.pubkey()}:{HOUR}"


def signer_of(chain: FakeChain, clock: FakeClock | None = None) -> Signer:
    config = config_of(Sponsoring(lamports_per_hour=10_001, landed_failures_per_hour=3))
    budget = Budget(limits=config.sponsoring, clock=clock or FakeClock())
    return Signer(config=config, chain=chain, sponsors=Signers(FakeWallets()), budget=budget)


async def checked(proof: Proof, chain: FakeChain | None = None) -> Checked:
    return await checker_of(chain or FakeChain()).check(proof, quote_of())


async def signed(proof: Proof) -> Signed:
    return await signer_of(FakeChain()).sign(await checked(proof))


def named(found: Signed) -> dict[str, Reservation]:
    return {one.name: one for one in found.reservations}


class TestSponsored:
    @pytest.mark.parametrize("legacy", [False, True])
    async def test_slot_zero_is_filled_and_nothing_else_changes(self, legacy: bool) -> None:
        """The message is the buyer's to the last byte, and now every signature verifies."""
        raw = Draft(legacy=legacy).raw()
        found = await signed(proof_of(raw))
        assert found.payload[:1] + found.payload[65:] == raw[:1] + raw[65:]
        whole = VersionedTransaction.from_bytes(found.payload)
        assert all(whole.verify_with_results())
        assert found.signature == str(whole.signatures[0])

    async def test_whatever_stood_in_slot_zero_is_replaced(self) -> None:
        """A proof rebuilt from elsewhere is signed by us all the same, or not at all."""
        raw = Draft().raw()
        filled = raw[:1] + bytes(range(64)) + raw[65:]
        assert (await signed(proof_of(filled))).payload == (await signed(proof_of(raw))).payload

    async def test_a_repeat_is_the_same(self) -> None:
        """Ed25519 signatures are deterministic: one message, one set of bytes."""
        proof = proof_of(Draft().raw())
        assert (await signed(proof)).payload == (await signed(proof)).payload

    async def test_the_last_height_is_a_blockhashs_life_away(self) -> None:
        """Nothing that is alive now can land more than 150 blocks later."""
        found = await signed(proof_of(Draft().raw()))
        assert (found.seen_slot, found.seen_height, found.last_valid_height) == (400, 380, 530)


class TestSelfPaid:
    async def test_the_bytes_are_the_buyers(self) -> None:
        """There is nothing to sign."""
        raw = self_paid()
        found = await signed(proof_of(raw, version=0))
        assert found.payload == raw
        assert found.signature == str(Signature(raw[1:65]))

    async def test_only_the_balance_is_held(self) -> None:
        """The buyer's failures cost us nothing."""
        found = await signed(proof_of(self_paid(), version=0))
        assert list(named(found)) == [f"source:{Pubkey(account_of(PAYER))}"]


class TestReservations:
    async def test_the_balance_in_flight(self) -> None:
        """Amounts of one account that may yet move never exceed what it holds, for all tenants."""
        found = named(await signed(proof_of(Draft().raw())))
        assert found[f"source:{Pubkey(account_of(PAYER))}"] == Reservation(
            name=f"source:{Pubkey(account_of(PAYER))}",
            amount=PRICE,
            limit=BALANCE,
            counts=frozenset({Phase.LIVE}),
            tenant=None,
        )

    async def test_the_sponsors_hour(self) -> None:
        """The fee counts whatever becomes of the payment, but for what never lands."""
        found = named(await signed(proof_of(Draft().raw())))
        assert found[SPONSOR_NAME] == Reservation(
            name=SPONSOR_NAME,
            amount=10_001,
            limit=10_001,
            counts=frozenset({Phase.LIVE, Phase.SETTLED, Phase.LANDED_FAILURE}),
            tenant=DEFAULT,
        )

    async def test_landed_failures(self) -> None:
        """Counted for the authority, its account and the client's address."""
        found = named(await signed(proof_of(Draft().raw())))
        names = [
            f"failures:authority:{PAYER}:{HOUR}",
            f"failures:source:{Pubkey(account_of(PAYER))}:{HOUR}",
            f"failures:address:203.0.113.7:{HOUR}",
        ]
        for name in names:
            assert found[name] == Reservation(
                name=name,
                amount=1,
                limit=3,
                counts=frozenset({Phase.LANDED_FAILURE}),
                tenant=DEFAULT,
            )
        assert len(found) == 5

    async def test_an_unknown_address_is_not_blamed(self) -> None:
        """Requests without one are not lumped together."""
        found = named(await signed(proof_of(Draft().raw(), address="")))
        assert not any(name.startswith("failures:address") for name in found)

    async def test_what_has_landed_holds_nothing(self) -> None:
        """Its money has moved and its fee is paid."""
        proof = evolve(proof_of(self_paid(), version=0), sealed=SEALED)
        owners = dict.fromkeys(range(9), PAYER)
        landed = Landed(slot=1, block_time=ISSUED_AT, err=None, owners=owners)
        chain = FakeChain(simulation=failing("AlreadyProcessed"), landed=landed)
        found = await signer_of(chain).sign(await checked(proof, chain))
        assert found.landed
        assert found.reservations == ()

    async def test_a_refund_goes_to_whose_account_it_was(self) -> None:
        """As it was when the money left; if no node tells that, as it is now; or it waits."""
        proof = evolve(proof_of(self_paid(), version=0), sealed=SEALED)
        untold = Landed(slot=1, block_time=ISSUED_AT, err=None)
        place = decode(proof.payload).keys.index(account_of(PAYER))
        told = evolve(untold, owners={place: STRANGER.pubkey()})
        now = {Pubkey(account_of(PAYER)): token_account_bytes(SELLER)}
        found = []
        for landed in (told, untold):
            chain = FakeChain(simulation=failing("AlreadyProcessed"), landed=landed, held=now)
            found.append((await signer_of(chain).sign(await checked(proof, chain))).refund_to)
        assert found == [str(STRANGER.pubkey()), str(SELLER)]
        nowhere = FakeChain(simulation=failing("AlreadyProcessed"), landed=untold)
        with pytest.raises(Unavailable):
            await checked(proof, nowhere)

    async def test_the_budget_view_grows_by_what_is_signed(self) -> None:
        """Offers of this process stop before the store would refuse the claim."""
        signer = signer_of(FakeChain())
        roomy = Sponsoring(lamports_per_hour=40_000)
        signer.budget.limits = roomy
        assert signer.budget.allows(DEFAULT, bytes(SPONSOR.pubkey()))
        await signer.sign(await checked(proof_of(Draft().raw())))
        assert not signer.budget.allows(DEFAULT, bytes(SPONSOR.pubkey()))


class TestForeign:
    async def test_only_what_was_checked_here_is_signed(self) -> None:
        """There is no way past the rules to our keys."""
        found = evolve(await checked(proof_of(Draft().raw())), context=None)
        with pytest.raises(TypeError, match="checked"):
            await signer_of(FakeChain()).sign(found)
