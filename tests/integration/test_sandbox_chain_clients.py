"""The official Python clients work with the sandbox's chain, unmodified."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from solana.rpc.async_api import AsyncClient
from solana.rpc.commitment import Confirmed, Finalized, Processed
from solana.rpc.core import RPCException
from solana.rpc.models import TokenAccountOpts, TxOpts
from solana.rpc.websocket_api import SolanaWsClient
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.rpc.responses import SignatureNotification, SlotNotification
from solders.transaction import VersionedTransaction
from solders.transaction_status import TransactionConfirmationStatus
from spl.token.constants import TOKEN_PROGRAM_ID
from spl.token.instructions import (
    create_idempotent_associated_token_account,
    get_associated_token_address,
    transfer_checked,
)
from spl.token.models import TransferCheckedParams

from support.chain import SOL, USDC, Wallet, blockhash_of, funded, pay
from tillway.entrypoints.sandbox.chain import Chain, Served, fund

WAIT = 15


@pytest.fixture
async def client(live_node: Served) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(live_node.rpc_url, commitment=Confirmed) as client:
        yield client


@pytest.fixture
async def pubsub(live_node: Served) -> AsyncIterator[SolanaWsClient]:
    async with SolanaWsClient(live_node.ws_url) as pubsub:
        yield pubsub


class TestSolanaPy:
    async def test_a_wallet_is_born_funded_and_pays(
        self, live_chain: Chain, client: AsyncClient, pubsub: SolanaWsClient
    ) -> None:
        """Airdrop, associated account, SPL transfer, confirmed by subscription."""
        buyer, shop = Wallet(), Wallet()
        drop = (await client.request_airdrop(buyer.address, SOL)).value
        await client.confirm_transaction(drop, Confirmed, sleep_seconds=0.02)
        assert (await client.get_balance(buyer.address)).value == SOL
        source = fund(live_chain, buyer.address, USDC.mint, 5_000_000)
        assert source == get_associated_token_address(buyer.address, USDC.mint)
        destination = get_associated_token_address(shop.address, USDC.mint)
        latest = (await client.get_latest_blockhash()).value
        moved = TransferCheckedParams(
            program_id=TOKEN_PROGRAM_ID,
            source=source,
            mint=USDC.mint,
            dest=destination,
            owner=buyer.address,
            amount=1_250_000,
            decimals=6,
        )
        message = MessageV0.try_compile(
            buyer.address,
            [
                create_idempotent_associated_token_account(buyer.address, shop.address, USDC.mint),
                transfer_checked(moved),
            ],
            [],
            latest.blockhash,
        )
        transaction = VersionedTransaction(message, [buyer.keypair])
        signature = transaction.signatures[0]
        await pubsub.signature_subscribe(signature=signature, commitment=Confirmed)
        assert (await client.simulate_transaction(transaction)).value.err is None
        options = TxOpts(preflight_commitment=Confirmed)
        assert (await client.send_transaction(transaction, options)).value == signature
        news = await asyncio.wait_for(pubsub.recv(), WAIT)
        assert isinstance(news, SignatureNotification)
        balance = (await client.get_token_account_balance(destination)).value
        assert (balance.amount, balance.ui_amount_string) == ("1250000", "1.25")
        found = await client.get_transaction(
            signature, "jsonParsed", max_supported_transaction_version=0
        )
        assert found.value is not None
        assert found.value.transaction.meta is not None
        assert found.value.transaction.meta.err is None

    async def test_finality_comes(self, live_chain: Chain, client: AsyncClient) -> None:
        """Waiting for finalized ends after 32 slots."""
        buyer, shop = funded(live_chain, 100), funded(live_chain)
        payment = pay(buyer, shop.address, 1, blockhash_of(live_chain))
        options = TxOpts(preflight_commitment=Confirmed)
        signature = (await client.send_transaction(payment, options)).value
        await client.confirm_transaction(signature, Finalized, sleep_seconds=0.1)
        status = (await client.get_signature_statuses([signature])).value[0]
        assert status is not None
        assert status.confirmation_status == TransactionConfirmationStatus.Finalized

    async def test_slots_are_heard(self, pubsub: SolanaWsClient) -> None:
        """Slot notifications come in order."""
        subscription = await pubsub.slot_subscribe()
        heard = []
        for _ in range(3):
            news = await asyncio.wait_for(pubsub.recv(), WAIT)
            assert isinstance(news, SlotNotification)
            heard.append(news.result.slot)
        assert heard == sorted(set(heard))
        await pubsub.unsubscribe(subscription)

    async def test_many_wait_on_one_connection(
        self, live_chain: Chain, client: AsyncClient, pubsub: SolanaWsClient
    ) -> None:
        """Every payment of a burst is heard of."""
        buyer, shop = funded(live_chain, 100), funded(live_chain)
        payments = [pay(buyer, shop.address, 1, blockhash_of(live_chain)) for _ in range(20)]
        for each in payments:
            await pubsub.signature_subscribe(signature=each.signatures[0], commitment=Confirmed)
        options = TxOpts(skip_preflight=True)
        await asyncio.gather(*(client.send_transaction(each, options) for each in payments))
        heard = [await asyncio.wait_for(pubsub.recv(), WAIT) for _ in payments]
        assert all(isinstance(each, SignatureNotification) for each in heard)
        assert shop.balance(live_chain) == 20

    async def test_errors_are_typed(self, live_chain: Chain, client: AsyncClient) -> None:
        """A failed preflight arrives as the client's own exception."""
        buyer, shop = funded(live_chain, 1), funded(live_chain)
        payment = pay(buyer, shop.address, 2, blockhash_of(live_chain))
        with pytest.raises(RPCException, match="custom program error: 0x1"):
            await client.send_transaction(payment, TxOpts(preflight_commitment=Confirmed))

    async def test_every_question_is_understood(
        self, live_chain: Chain, client: AsyncClient
    ) -> None:
        """The client parses each answer into its own types."""
        wallet = funded(live_chain, 100, 1)
        assert await client.is_connected()
        assert (await client.get_slot(Processed)).value > (await client.get_slot(Finalized)).value
        assert (await client.get_block_height()).value > 0
        assert (await client.get_epoch_info()).value.slots_in_epoch == 432_000
        assert (await client.get_first_available_block()).value == 0
        assert str((await client.get_genesis_hash()).value).startswith("EtWTRABZaYq6iMfeYKouRu166")
        assert (await client.get_version()).value.solana_core
        assert (await client.get_minimum_balance_for_rent_exemption(165)).value == 2_039_280
        assert (await client.get_block_time((await client.get_slot()).value)).value
        assert (await client.get_recent_prioritization_fees()).value
        assert (await client.get_recent_performance_samples(2)).value
        assert (await client.get_token_supply(USDC.mint)).value.amount == "100"
        account = (await client.get_account_info(wallet.account())).value
        assert account is not None
        assert account.owner == TOKEN_PROGRAM_ID
        parsed = (await client.get_account_info_json_parsed(USDC.mint)).value
        assert parsed is not None
        many = (await client.get_multiple_accounts([wallet.address, Keypair().pubkey()])).value
        assert [each is None for each in many] == [False, True]
        owned = await client.get_token_accounts_by_owner(
            wallet.address, TokenAccountOpts(mint=USDC.mint)
        )
        assert [each.pubkey for each in owned.value] == [wallet.account()]
        latest = (await client.get_latest_blockhash()).value
        message = MessageV0.try_compile(wallet.address, [], [], latest.blockhash)
        assert (await client.get_fee_for_message(message)).value == 5_000
        assert (await client.get_signatures_for_address(wallet.address)).value == []
