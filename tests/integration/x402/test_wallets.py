import asyncio

import pytest
from solders.account import Account
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from support.chain import Wallet, funded
from support.quick_clock import QuickClock
from support.solana import NOBODY, Wire, rpc_to
from tillway.adapters.x402.rpc import Rpc
from tillway.adapters.x402.wallets import Wallets
from tillway.entrypoints.sandbox.chain import Chain, Kind, Served


@pytest.fixture
def three(quick_chain: Chain) -> list[Wallet]:
    return [funded(quick_chain, sol=1) for _ in range(3)]


def _wallets(rpc: Rpc, wallets: list[Wallet]) -> Wallets:
    return Wallets(rpc=rpc, clock=rpc.clock, keys=[wallet.keypair for wallet in wallets])


def _set(chain: Chain, wallet: Wallet, lamports: int) -> None:
    chain.put(wallet.address, Account(lamports, b"", Pubkey.default()))


class TestChoosing:
    async def test_takes_turns(self, solana: Rpc, three: list[Wallet]) -> None:
        """Each healthy wallet as often as the others, also for callers at once."""
        wallets = _wallets(solana, three)
        await wallets.check()

        async def one() -> Keypair | None:
            return wallets.next()

        chosen = await asyncio.gather(*(one() for _ in range(30)))
        counts = [sum(pair == wallet.keypair for pair in chosen) for wallet in three]
        assert counts == [10, 10, 10]

    async def test_leaves_out_what_cannot_pay(
        self, solana: Rpc, three: list[Wallet], quick_chain: Chain
    ) -> None:
        """Only healthy ones are chosen; without any there is none."""
        _set(quick_chain, three[0], 4_999_999)
        _set(quick_chain, three[1], 1)
        wallets = _wallets(solana, three)
        await wallets.check()
        assert {wallets.next() for _ in range(6)} == {three[2].keypair}
        _set(quick_chain, three[2], 1)
        await wallets.check()
        assert wallets.next() is None

    async def test_a_wallet_that_was_never_looked_at_is_not_chosen(
        self, solana: Rpc, three: list[Wallet]
    ) -> None:
        """Unknown is not healthy, but it is ours."""
        wallets = _wallets(solana, three)
        assert wallets.next() is None
        assert wallets.get(three[0].address) == three[0].keypair
        assert wallets.pays(three[0].address)
        assert not wallets.pays(Keypair().pubkey())


class TestHealth:
    @pytest.mark.parametrize(
        ("lamports", "status", "balance"),
        [
            (5_000_000, "healthy", "0.005000"),
            (4_999_999, "unhealthy", "0.005000"),
            (1_000_001, "unhealthy", "0.001000"),
            (1_000_000, "critical", "0.001000"),
            (0, "critical", "0.000000"),
            (1_234_567_890, "healthy", "1.234568"),
        ],
    )
    async def test_is_shown_as_the_contract_says(
        self, solana: Rpc, quick_chain: Chain, lamports: int, status: str, balance: str
    ) -> None:
        """Eight characters of the key, six decimals, and a state."""
        wallet = Wallet()
        _set(quick_chain, wallet, lamports)
        wallets = _wallets(solana, [wallet])
        await wallets.check()
        (health,) = wallets.health()
        assert (health.status, health.balance, health.error) == (status, balance, None)
        assert health.address == str(wallet.address)[:8] + "..."
        assert health.checked_at.endswith("Z")

    async def test_before_the_first_look_it_is_unhealthy_and_says_why(self, solana: Rpc) -> None:
        """The contract knows no fourth state."""
        (health,) = _wallets(solana, [Wallet()]).health()
        assert (health.status, health.error) == ("unhealthy", "not checked yet")

    async def test_a_failed_look_keeps_what_was_known(
        self, first: Served, solana: Rpc, three: list[Wallet]
    ) -> None:
        """A node that is away does not make a rich wallet poor; the fault is shown."""
        wallets = _wallets(solana, three)
        await wallets.check()
        first.faults.spoil(Kind.HTTP_500)
        await wallets.check()
        assert wallets.next() is not None
        assert {one.error for one in wallets.health()} == {"balance unavailable"}

    async def test_names_no_secret(self, solana: Rpc, three: list[Wallet]) -> None:
        """Neither the service nor what it shows holds a key that can sign."""
        wallets = _wallets(solana, three)
        await wallets.check()
        shown = repr(wallets) + repr(wallets.health())
        for wallet in three:
            assert str(wallet.keypair) not in shown
            assert str(list(bytes(wallet.keypair)[:8]))[1:-1] not in shown


class TestLooking:
    async def test_starts_with_one_look_at_all_at_once(
        self, first: Served, solana: Rpc, three: list[Wallet], wire: Wire
    ) -> None:
        """Ready when started; slow nodes cost one wait, not three."""
        first.faults.latency_ms = {"getBalance": 100}
        wallets = _wallets(solana, three)
        async with asyncio.timeout(0.28):
            await wallets.start()
        assert wallets.next() is not None
        assert wire.count("getBalance") == 3
        await wallets.aclose()

    async def test_a_start_without_a_node_ends_in_time(self, quick: QuickClock) -> None:
        """The gateway comes up; the wallets are unknown until a node answers."""
        async with rpc_to([NOBODY], quick) as rpc:
            wallets = _wallets(rpc, [Wallet()])
            await wallets.start()
            assert wallets.next() is None
            await wallets.aclose()

    async def test_goes_on_in_the_background(
        self, solana: Rpc, three: list[Wallet], quick_chain: Chain
    ) -> None:
        """What has become poor is left out after the next look."""
        wallets = _wallets(solana, three)
        wallets.interval = 1.0
        await wallets.start()
        for wallet in three:
            _set(quick_chain, wallet, 1)
        async with asyncio.timeout(2):
            while wallets.next() is not None:  # noqa: ASYNC110 - the look is in the background
                await asyncio.sleep(0.01)
        await wallets.aclose()

    async def test_a_doubt_is_looked_into_at_once_and_once(
        self, solana: Rpc, three: list[Wallet], quick_chain: Chain, wire: Wire
    ) -> None:
        """A burst of failed fees is one request."""
        wallets = _wallets(solana, three)
        await wallets.check()
        before = wire.count("getBalance")
        _set(quick_chain, three[0], 1)
        for _ in range(20):
            wallets.doubt(three[0].address)
            wallets.doubt(Keypair().pubkey())
        await asyncio.sleep(0.1)
        assert not wallets.is_healthy(three[0].address)
        assert wire.count("getBalance") == before + 1
        await wallets.aclose()
