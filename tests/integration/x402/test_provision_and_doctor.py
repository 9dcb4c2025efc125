import asyncio
from collections.abc import Sequence

import pytest
from solders.account import Account
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from support.chain import PYUSD, USDC, Wallet, funded
from support.quick_clock import QuickClock
from support.solana import CHAIN, NOBODY, Wire, rpc_to, sender_over
from tillway.adapters.x402.doctor import examine
from tillway.adapters.x402.provision import Wanted, provide
from tillway.adapters.x402.rpc import Rpc
from tillway.adapters.x402.settle import Sender
from tillway.adapters.x402.wallets import Wallets
from tillway.core.assets import Network
from tillway.core.codes import Code
from tillway.core.errors import Declined, Unavailable
from tillway.core.ports.rails import Finding
from tillway.entrypoints.sandbox.chain import Chain, Served, Stablecoin


def _wanted(owner: Pubkey, coin: Stablecoin = USDC) -> Wanted:
    return Wanted(owner=bytes(owner), mint=bytes(coin.mint), program=bytes(coin.program))


@pytest.fixture
async def wallets(solana: Rpc, quick_chain: Chain) -> Wallets:
    made = Wallets(rpc=solana, clock=solana.clock, keys=[funded(quick_chain).keypair])
    await made.check()
    return made


async def _provided(wanted: Wanted, sender: Sender, wallets: Wallets) -> bool:
    return await provide(wanted, rpc=sender.rpc, wallets=wallets, sends=sender, chain=CHAIN)


class TestProviding:
    @pytest.mark.parametrize("coin", [USDC, PYUSD])
    async def test_creates_the_account_that_buyers_will_pay_into(
        self, sender: Sender, wallets: Wallets, quick_chain: Chain, coin: Stablecoin
    ) -> None:
        """Empty, of the right mint and owner, under the mint's token program."""
        wanted = _wanted(Keypair().pubkey(), coin)
        assert await _provided(wanted, sender, wallets)
        account = quick_chain.account(wanted.address)
        assert account is not None
        assert bytes(account.data)[:64] == wanted.mint + wanted.owner
        assert account.owner == coin.program

    async def test_one_that_is_there_costs_one_read(
        self, sender: Sender, wallets: Wallets, quick_chain: Chain, wire: Wire
    ) -> None:
        """No transaction, and no wallet is needed."""
        seller = funded(quick_chain, 5)
        before = len(wire.seen)
        assert not await _provided(_wanted(seller.address), sender, wallets)
        assert [name for name, _, _ in wire.seen[before:]] == ["getMultipleAccounts"]

    async def test_two_processes_at_once_are_harmless(
        self, first: Served, quick: QuickClock, sender: Sender, wallets: Wallets, quick_chain: Chain
    ) -> None:
        """Neither fails, and the account is there once."""
        wanted = _wanted(Keypair().pubkey())
        other_keys = [funded(quick_chain).keypair]
        async with rpc_to([first.rpc_url], quick) as rpc, sender_over(rpc) as other:
            others = Wallets(rpc=rpc, clock=quick, keys=other_keys)
            await others.check()
            await asyncio.gather(
                _provided(wanted, sender, wallets), _provided(wanted, other, others)
            )
        assert quick_chain.account(wanted.address) is not None

    async def test_without_a_wallet_that_can_pay_it_says_so(
        self, sender: Sender, solana: Rpc
    ) -> None:
        """By the account's address, so that somebody else can create it."""
        wanted = _wanted(Keypair().pubkey())
        poor = Wallets(rpc=solana, clock=solana.clock, keys=[Keypair()])
        await poor.check()
        with pytest.raises(Declined) as refused:
            await _provided(wanted, sender, poor)
        assert refused.value.code is Code.CONFIG_ERROR
        assert str(wanted.address) in refused.value.message

    async def test_a_mint_that_does_not_exist_is_a_fault_of_the_settings(
        self, sender: Sender, wallets: Wallets
    ) -> None:
        """The chain refuses, and that is told as such."""
        mint = Keypair().pubkey()
        wanted = Wanted(owner=bytes(mint), mint=bytes(mint), program=bytes(USDC.program))
        with pytest.raises(Declined) as refused:
            await _provided(wanted, sender, wallets)
        assert refused.value.code is Code.CONFIG_ERROR

    async def test_without_a_node_it_is_unavailable(
        self, quick: QuickClock, wallets: Wallets
    ) -> None:
        """Nothing is known, so nothing is said of the account."""
        async with rpc_to([NOBODY], quick) as rpc, sender_over(rpc) as sender:
            with pytest.raises(Unavailable):
                await _provided(_wanted(Keypair().pubkey()), sender, wallets)


async def _examined(
    rpc: Rpc,
    wallets: Wallets,
    *accounts: Wanted,
    network: Network = Network.DEVNET,
    creates: bool = False,
) -> Sequence[Finding]:
    return await examine(rpc, wallets, network=network, accounts=accounts, creates=creates)


class TestExamining:
    async def test_finds_nothing_wrong_where_all_is_well(
        self, solana_of_two: Rpc, wallets: Wallets, quick_chain: Chain
    ) -> None:
        """One finding a node, an account, a wallet; none has advice."""
        seller = funded(quick_chain, 5)
        found = await _examined(solana_of_two, wallets, _wanted(seller.address))
        assert [one.subject.split(" ")[0] for one in found] == ["RPC", "RPC", "token", "server"]
        assert all(one.good and one.advice is None for one in found)

    async def test_a_node_that_is_away_is_a_finding(
        self, first: Served, quick: QuickClock, wallets: Wallets
    ) -> None:
        """The others are still used; its address is not shown."""
        async with rpc_to([f"{NOBODY}/key-77", first.rpc_url], quick) as rpc:
            away, good, _ = await _examined(rpc, wallets)
        assert (away.good, good.good) == (False, True)
        assert away.advice is not None
        assert "key-77" not in repr(away)

    async def test_no_node_at_all_ends_the_examination(
        self, quick: QuickClock, wallets: Wallets
    ) -> None:
        """Nothing is said of what could not be seen."""
        async with rpc_to([NOBODY], quick) as rpc:
            (away,) = await _examined(rpc, wallets, _wanted(Keypair().pubkey()))
        assert not away.good

    async def test_another_cluster_than_configured_is_found(
        self, solana: Rpc, wallets: Wallets
    ) -> None:
        """By its genesis hash, before any money goes the wrong way."""
        (node, *_) = await _examined(solana, wallets, network=Network.MAINNET)
        assert not node.good
        assert "another network" in node.fact

    @pytest.mark.parametrize(
        ("creates", "advice"), [(False, "auto_create_token_account"), (True, "when the gateway")]
    )
    async def test_a_missing_account_is_found(
        self, solana: Rpc, wallets: Wallets, creates: bool, advice: str
    ) -> None:
        """With what to do about it."""
        wanted = _wanted(Keypair().pubkey())
        found = await _examined(solana, wallets, wanted, creates=creates)
        account = next(one for one in found if str(wanted.address) in one.subject)
        assert not account.good
        assert account.advice is not None
        assert advice in account.advice

    async def test_an_account_of_another_mint_is_found(
        self, solana: Rpc, wallets: Wallets, quick_chain: Chain
    ) -> None:
        """Whatever lies at the address must be what buyers are told it is."""
        wanted = _wanted(Keypair().pubkey())
        stranger = funded(quick_chain, 5).account()
        held = quick_chain.account(stranger)
        assert held is not None
        quick_chain.put(wanted.address, Account(held.lamports, bytes(held.data), held.owner))
        found = await _examined(solana, wallets, wanted)
        account = next(one for one in found if str(wanted.address) in one.subject)
        assert (account.good, account.fact[:8]) == (False, "it holds")

    async def test_a_wallet_without_sol_is_found(self, solana: Rpc) -> None:
        """With its full address, since it is to be sent something."""
        poor = Wallet()
        wallets = Wallets(rpc=solana, clock=solana.clock, keys=[poor.keypair])
        *_, wallet = await _examined(solana, wallets)
        assert not wallet.good
        assert str(poor.address) in wallet.subject
        assert "0.000000 SOL, critical" in wallet.fact
