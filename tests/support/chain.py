"""A chain for tests: one on a clock moved by hand, one on the wall's; wallets and payments.

A conftest.py offers the fixtures by importing them and naming them in its `__all__`.
"""

import base64
import itertools
import struct
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import aiohttp
import pytest
from attrs import define, field, frozen
from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.message import Message, MessageV0, to_bytes_versioned
from solders.null_signer import NullSigner
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction

from tillway.entrypoints.sandbox.chain import (
    STABLECOINS,
    Chain,
    Served,
    associated,
    fund,
    serve_chain,
)
from tillway.entrypoints.sandbox.chain.programs import MEMO
from tillway.entrypoints.sandbox.chain.tokens import holding

USDC, PYUSD, USDG = STABLECOINS["devnet"]
SOL = 10**9
_numbers = itertools.count()


@define
class Hand:
    """A clock that stands still until a test moves it."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now

    def forward(self, seconds: float) -> None:
        """Move on; the chain notices at its next tick."""
        self.now += seconds

    def slots(self, count: int) -> None:
        """Move on by so many slots of 400 ms."""
        self.forward(count * 0.4)


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
def chain(hand: Hand) -> Chain:
    return Chain(clock=hand)


@pytest.fixture
async def node(chain: Chain) -> AsyncIterator[Served]:
    """Serve the chain on the hand-moved clock, on free ports."""
    async with serve_chain(chain) as served:
        yield served


@pytest.fixture
def live_chain() -> Chain:
    """Make a quick chain on the wall's clock: slots of 20 ms, confirmed after one."""
    return Chain(clock=time.time, slot_ms=20, confirm_delay_ms=20)


@pytest.fixture
async def live_node(live_chain: Chain) -> AsyncIterator[Served]:
    """Serve the quick chain on free ports."""
    async with serve_chain(live_chain) as served:
        yield served


@frozen
class Wallet:
    """A key pair."""

    keypair: Keypair = field(factory=Keypair)

    @property
    def address(self) -> Pubkey:
        """The wallet's public key."""
        return self.keypair.pubkey()

    def account(self, mint: Pubkey = USDC.mint) -> Pubkey:
        """Give the wallet's associated token account."""
        return associated(self.address, mint, program_of(mint))

    def balance(self, chain: Chain, mint: Pubkey = USDC.mint) -> int:
        """Minor units held in the associated account; 0 where there is none."""
        account = chain.account(self.account(mint))
        return 0 if account is None else holding(bytes(account.data))[2]


def program_of(mint: Pubkey) -> Pubkey:
    """Give the token program of a built-in mint."""
    return next(coin.program for coin in STABLECOINS["devnet"] if coin.mint == mint)


def funded(chain: Chain, usdc: int = 0, sol: float = 1, mint: Pubkey = USDC.mint) -> Wallet:
    """Make a wallet with lamports and an associated account holding minor units."""
    wallet = Wallet()
    fund(chain, wallet.address, mint, usdc, int(sol * SOL))
    return wallet


def transfer_checked(
    payer: Pubkey,
    owner: Pubkey,
    amount: int,
    mint: Pubkey = USDC.mint,
    authority: Pubkey | None = None,
) -> Instruction:
    """Move tokens between the associated accounts of two wallets."""
    program = program_of(mint)
    accounts = [
        AccountMeta(associated(payer, mint, program), is_signer=False, is_writable=True),
        AccountMeta(mint, is_signer=False, is_writable=False),
        AccountMeta(associated(owner, mint, program), is_signer=False, is_writable=True),
        AccountMeta(authority or payer, is_signer=True, is_writable=False),
    ]
    return Instruction(program, struct.pack("<BQB", 12, amount, 6), accounts)


def memo(text: str | bytes) -> Instruction:
    """Note something on chain."""
    data = text.encode() if isinstance(text, str) else text
    return Instruction(MEMO, data, [])


def pay(
    payer: Wallet,
    owner: Pubkey,
    amount: int,
    blockhash: Hash,
    *,
    mint: Pubkey = USDC.mint,
    note: str | bytes | None = None,
    fee_payer: Keypair | Pubkey | None = None,
    units: int = 20_000,
    price: int = 1,
    more: Sequence[Instruction] = (),
    legacy: bool = False,
) -> VersionedTransaction:
    """Build and sign what x402 clients build: budget, TransferChecked, memo.

    Without a note the memo is a fresh one, so that no two are one message. A fee payer given
    as a key pair signs, one given as an address leaves its signature empty.
    """
    text = f"test {next(_numbers)}" if note is None else note
    instructions = [
        set_compute_unit_limit(units),
        set_compute_unit_price(price),
        transfer_checked(payer.address, owner, amount, mint),
        memo(text),
        *more,
    ]
    sponsor = payer.keypair if fee_payer is None else fee_payer
    return signed_by([sponsor, payer.keypair], instructions, blockhash, legacy=legacy)


def send_lamports(
    payer: Wallet, owner: Pubkey, lamports: int, blockhash: Hash
) -> VersionedTransaction:
    """Build and sign a plain transfer of lamports."""
    move = TransferParams(from_pubkey=payer.address, to_pubkey=owner, lamports=lamports)
    return signed_by([payer.keypair], [transfer(move)], blockhash)


def signed_by(
    signers: Sequence[Keypair | Pubkey],
    instructions: Sequence[Instruction],
    blockhash: Hash,
    *,
    legacy: bool = False,
) -> VersionedTransaction:
    """Compile and sign; the first signer pays the fee, an address signs with zeros."""
    keys = [each if isinstance(each, Pubkey) else each.pubkey() for each in signers]
    if legacy:
        message: Message | MessageV0 = Message.new_with_blockhash(
            list(instructions), keys[0], blockhash
        )
    else:
        message = MessageV0.try_compile(keys[0], list(instructions), [], blockhash)
    data = to_bytes_versioned(message)
    known = {each.pubkey(): each for each in signers if isinstance(each, Keypair)}
    needed = message.account_keys[: message.header.num_required_signatures]
    signatures = [
        known[key].sign_message(data) if key in known else NullSigner(key).sign_message(data)
        for key in needed
    ]
    return VersionedTransaction.populate(message, signatures)


def blockhash_of(chain: Chain) -> Hash:
    """Give the newest blockhash that every commitment below finalized knows."""
    chain.tick()
    return chain.slots.hash_of(chain.slots.now - 1)


def old_blockhash_of(chain: Chain) -> Hash:
    """Give the newest blockhash that every commitment knows, finalized too."""
    chain.tick()
    return chain.slots.hash_of(chain.slots.now - 32)


CONFIRMED = {"commitment": "confirmed"}
_SENT = {"encoding": "base64", "preflightCommitment": "confirmed"}
_SEEN = {"encoding": "base64", "commitment": "confirmed"}


def text(transaction: VersionedTransaction) -> str:
    """Write the transaction as clients send it."""
    return base64.b64encode(bytes(transaction)).decode()


@define
class Caller:
    """Speaks JSON-RPC to one URL."""

    url: str
    session: aiohttp.ClientSession

    async def raw(self, body: Any) -> Any:
        """Give the whole answer to a whole request."""
        async with self.session.post(self.url, json=body) as response:
            return await response.json()

    async def full(self, method: str, *params: Any) -> Any:
        """Give the whole answer to one call."""
        return await self.raw({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})

    async def call(self, method: str, *params: Any) -> Any:
        """Give the result of one call."""
        answer = await self.full(method, *params)
        assert "error" not in answer, answer["error"]
        return answer["result"]

    async def value(self, method: str, *params: Any) -> Any:
        """Give the value in the result's context."""
        return (await self.call(method, *params))["value"]

    async def error(self, method: str, *params: Any) -> Any:
        """Give the error that a call must bring."""
        answer = await self.full(method, *params)
        assert "result" not in answer, answer["result"]
        return answer["error"]

    async def send(self, transaction: VersionedTransaction, **config: Any) -> str:
        """Send at commitment confirmed and give the signature."""
        return str(await self.call("sendTransaction", text(transaction), _SENT | config))

    async def refusal(self, transaction: VersionedTransaction, **config: Any) -> Any:
        """Give the error that sending must bring."""
        return await self.error("sendTransaction", text(transaction), _SENT | config)

    async def simulate(self, transaction: VersionedTransaction, **config: Any) -> Any:
        """Simulate at commitment confirmed and give the value."""
        return await self.value("simulateTransaction", text(transaction), _SEEN | config)

    async def fetch(self, signature: str, **config: Any) -> Any:
        """Ask for a transaction at commitment confirmed, of any version."""
        newest = {"encoding": "json", "maxSupportedTransactionVersion": 0}
        return await self.call("getTransaction", signature, CONFIRMED | newest | config)

    async def status(self, signature: str, **config: Any) -> Any:
        """Give the status of one signature."""
        return (await self.value("getSignatureStatuses", [signature], config))[0]

    async def control(self, **settings: Any) -> Any:
        """Change the node's faults over HTTP."""
        async with self.session.post(f"{self.url}/_control", json=settings) as response:
            assert response.status == 200, await response.text()
            return await response.json()


@pytest.fixture
async def rpc(node: Served) -> AsyncIterator[Caller]:
    """Make a caller of the node on the hand-moved clock."""
    async with aiohttp.ClientSession() as session:
        yield Caller(node.rpc_url, session)
