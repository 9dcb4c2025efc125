"""How far our wallets pay for buyers."""

from decimal import Decimal

import pytest

from support.solana_fakes import FakeClock, FakeWallets, config_of
from support.transactions import OTHER_SPONSOR, SPONSOR, STRANGER
from tillway.adapters.x402.config import RailConfig, Sponsoring, fee
from tillway.adapters.x402.sponsors import Budget, Signers, is_worth_sponsoring
from tillway.core.assets import SOL, USD, USDC, Network
from tillway.core.money import Money
from tillway.core.tenancy import DEFAULT, Tenant

WALLET = bytes(SPONSOR.pubkey())
LIMITS = Sponsoring(lamports_per_hour=100_000, most_lamports=30_000)


def budget_at(clock: FakeClock) -> Budget:
    return Budget(limits=LIMITS, clock=clock)


class TestBudget:
    def test_the_costliest_fee_must_fit(self) -> None:
        """An offer is a promise, whatever its payment will cost."""
        budget = budget_at(FakeClock())
        budget.took(DEFAULT, budget.name_of(WALLET), 70_000)
        assert budget.allows(DEFAULT, WALLET)
        budget.took(DEFAULT, budget.name_of(WALLET), 1)
        assert not budget.allows(DEFAULT, WALLET)

    def test_it_is_a_wallets_and_a_tenants(self) -> None:
        """One tenant's buyers do not use up another's sponsoring."""
        budget = budget_at(FakeClock())
        budget.took(DEFAULT, budget.name_of(WALLET), 100_000)
        assert budget.allows(Tenant("other"), WALLET)
        assert budget.allows(DEFAULT, bytes(OTHER_SPONSOR.pubkey()))

    def test_the_store_knows_better(self) -> None:
        """Its totals count all processes, and replace what was only signed here."""
        budget = budget_at(FakeClock())
        name = budget.name_of(WALLET)
        budget.learn(DEFAULT, {name: 90_000})
        assert not budget.allows(DEFAULT, WALLET)
        budget.learn(DEFAULT, {name: 10_000, "another": 5})
        assert budget.allows(DEFAULT, WALLET)

    def test_what_was_signed_and_never_claimed_is_given_back(self) -> None:
        """The store names only what has claims."""
        budget = budget_at(FakeClock())
        other = Tenant("other")
        for tenant in (DEFAULT, other):
            budget.took(tenant, budget.name_of(WALLET), 100_000)
        budget.learn(DEFAULT, {})
        assert budget.allows(DEFAULT, WALLET)
        assert not budget.allows(other, WALLET)

    def test_it_begins_anew_every_hour(self) -> None:
        """Hours are those of UTC."""
        clock = FakeClock()
        budget = budget_at(clock)
        budget.took(DEFAULT, budget.name_of(WALLET), 100_000)
        clock.seconds += 3600
        assert budget.allows(DEFAULT, WALLET)


class TestWorth:
    @pytest.mark.parametrize(
        ("minor", "worth"), [(59_999, False), (60_000, True), (10**9, True), (0, False)]
    )
    def test_a_price_is_compared_with_the_costliest_fee(self, minor: int, worth: bool) -> None:
        """30,000 lamports at 1,000 dollars a SOL, twice: six cents, exactly."""
        limits = Sponsoring(sol_usd=Decimal(1000))
        assert is_worth_sponsoring(Money(minor=minor, asset=USDC), limits) is worth

    def test_without_a_price_of_sol_everything_is(self) -> None:
        """The operator has not said what a lamport is worth."""
        assert is_worth_sponsoring(Money(minor=1, asset=USDC), Sponsoring())

    def test_what_is_not_worth_dollars_cannot_be_compared(self) -> None:
        """Wrapped SOL has no fixed worth in dollars."""
        limits = Sponsoring(sol_usd=Decimal(1000))
        assert is_worth_sponsoring(Money(minor=1, asset=SOL), limits)

    @pytest.mark.parametrize(
        ("signatures", "units", "price", "lamports"),
        [
            (2, 20_000, 1, 10_001),
            (2, 0, 0, 10_000),
            (2, 1_000_000, 1, 10_001),
            (2, 1_000_001, 1, 10_002),
            (2, 1_400_000, 5_000_000, 7_010_000),
        ],
    )
    def test_fees_are_rounded_up(
        self, signatures: int, units: int, price: int, lamports: int
    ) -> None:
        """5,000 lamports a signature, and the units at their price."""
        assert fee(signatures, units, price) == lamports


class TestSigners:
    def test_healthy_wallets_take_turns(self) -> None:
        """Round robin, by address."""
        signers = Signers(FakeWallets())
        found = [signers.next() for _ in range(3)]
        other = bytes(OTHER_SPONSOR.pubkey())
        assert found == [WALLET, other, WALLET]

    def test_none_when_none_is_healthy(self) -> None:
        """All of them stay ours, though."""
        signers = Signers(FakeWallets(healthy=[]))
        assert signers.next() is None
        assert WALLET in signers.addresses

    def test_strangers_do_not_sign(self) -> None:
        """Only configured keys."""
        with pytest.raises(KeyError):
            Signers(FakeWallets()).sign(bytes(STRANGER.pubkey()), b"message")

    def test_no_key_shows_in_a_repr(self) -> None:
        """Wallets never reach a log."""
        assert str(SPONSOR) not in repr(Signers(FakeWallets()))


class TestConfig:
    def test_the_allow_list_has_what_has_a_mint_here(self) -> None:
        """Currencies and tokens of other networks are left out."""
        config = RailConfig(
            network=Network.TESTNET, payment_address=str(SPONSOR.pubkey()), assets=(USD, USDC, SOL)
        )
        assert list(config.tokens) == ["SOL"]
        assert list(config_of().tokens) == ["USDC", "PYUSD", "SOL"]

    def test_the_payment_address_must_be_a_key(self) -> None:
        """Money is never sent to what could be a misprint."""
        with pytest.raises(ValueError, match="size"):
            RailConfig(network=Network.DEVNET, payment_address="nowhere", assets=(USDC,))
