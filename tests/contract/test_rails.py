"""The rails that come with Tillway keep the laws of the ports."""

import base64
import copy
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager

import pytest
from attrs import define
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from support.chain import Wallet, blockhash_of, funded
from support.quick_clock import QuickClock
from support.solana import rpc_to, sender_over
from support.transactions import Draft, Move, account_of, base64_of, memo, self_paid
from tillway.adapters.x402.config import RailConfig
from tillway.adapters.x402.rail import SolanaRail
from tillway.adapters.x402.wallets import Wallets
from tillway.core.assets import USDC, Network
from tillway.core.catalog import Product
from tillway.core.contracts.rails import Envelope, Moved, Pay, RailContract
from tillway.core.ids import ProductId
from tillway.core.money import Money
from tillway.core.payments import Word
from tillway.core.ports.rails import Offer
from tillway.entrypoints.sandbox.chain import Chain, Faults, serve_chain
from tillway.entrypoints.sandbox.chain.faults import Kind

PRICE = 50_000


@define
class World:
    """A chain with a node, a seller, a sponsor and a buyer."""

    chain: Chain
    clock: QuickClock
    faults: Faults
    url: str
    seller: Wallet
    sponsor: Wallet
    buyer: Wallet

    def transaction(self, offer: Offer, version: int) -> bytes:
        """Sign what clients of a version send: v0 buyers pay their own fee."""
        requirement = offer.accepts[version][0]
        extra = requirement["extra"]
        assert isinstance(extra, Mapping)
        note, move = memo(str(extra["memo"])), self._move(offer)
        fresh = blockhash_of(self.chain)
        if version == 0:
            return self_paid([note, move.plain()], self.buyer.keypair, blockhash=fresh)
        return Draft(
            move=move,
            sponsor=self.sponsor.keypair,
            buyer=self.buyer.keypair,
            after=(note,),
            blockhash=fresh,
        ).raw()

    def _move(self, offer: Offer) -> Move:
        return Move(
            amount=offer.quote.amount.minor,
            authority=self.buyer.address,
            destination=account_of(Pubkey.from_string(offer.quote.pay_to)),
        )


@contextmanager
def spoiled(faults: Faults, method: str, *, effective: bool) -> Iterator[None]:
    """Break off every answer of a method for a while."""
    faults.spoil(Kind.RESET, method, effective=effective)
    yield
    faults.clear()


def envelope_of(transaction: bytes, offer: Offer, version: int) -> Envelope:
    """Write what a client of a version puts in its header."""
    payload = {"transaction": base64_of(transaction)}
    requirement = offer.accepts[version][0]
    if version == 2:
        return {"x402Version": 2, "accepted": dict(requirement), "payload": payload}
    named = {name: requirement[name] for name in ("scheme", "network")}
    if version == 0:
        extra = requirement["extra"]
        assert isinstance(extra, Mapping)
        said = {"resource": offer.quote.resource, "metadata": {"quote": extra["quote"]}}
        return {"x402Version": 0, **named, "payload": {**payload, **said}}
    return {"x402Version": 1, **named, "payload": payload}


class TestSolana(RailContract):
    """Stablecoins over a chain that really runs transactions."""

    @pytest.fixture
    async def world(self) -> AsyncIterator[World]:
        clock, faults = QuickClock(speed=10), Faults()
        chain = Chain(clock=clock)
        async with serve_chain(chain, faults=faults) as node:
            yield World(
                chain=chain,
                clock=clock,
                faults=faults,
                url=node.rpc_url,
                seller=funded(chain),
                sponsor=funded(chain, sol=100),
                buyer=funded(chain, 1_000 * PRICE, sol=100),
            )

    async def _open(self, world: World) -> AsyncIterator[SolanaRail]:
        config = RailConfig(
            network=Network.DEVNET,
            payment_address=str(world.seller.address),
            assets=(USDC,),
            gasless=True,
        )
        async with (
            rpc_to([world.url], world.clock) as rpc,
            sender_over(rpc, patience=20.0) as sender,
        ):
            wallets = Wallets(rpc=rpc, clock=world.clock, keys=[world.sponsor.keypair])
            rail = SolanaRail(
                config=config,
                rpc=rpc,
                wallets=wallets,
                sender=sender,
                clock=world.clock,
                parts=(wallets,),
            )
            await rail.start()
            yield rail
            await rail.aclose()

    @pytest.fixture
    async def rail(self, world: World) -> AsyncIterator[SolanaRail]:
        async for rail in self._open(world):
            yield rail

    @pytest.fixture
    async def twin(self, world: World) -> AsyncIterator[SolanaRail]:
        async for rail in self._open(world):
            yield rail

    @pytest.fixture
    def product(self) -> Product:
        return Product(id=ProductId("article"), crypto_price=Money(PRICE, USDC))

    @pytest.fixture
    def pay(self, world: World) -> Pay:
        async def pay(offer: Offer, version: int) -> Envelope:
            return envelope_of(world.transaction(offer, version), offer, version)

        return pay

    @pytest.fixture
    def moved(self, world: World) -> Moved:
        async def moved() -> int:
            return world.seller.balance(world.chain)

        return moved

    @pytest.fixture
    def now(self, world: World) -> Callable[[], int]:
        return lambda: int(world.clock())

    @pytest.fixture
    def retold(self) -> Callable[[Envelope], Sequence[Envelope]]:
        return lambda envelope: [resigned(envelope, b"\x01" * 64), resigned(envelope, bytes(64))]

    @pytest.fixture
    def lose_reply(self, world: World) -> Callable[[], AbstractContextManager[None]]:
        return lambda: spoiled(world.faults, "sendTransaction", effective=True)

    @pytest.fixture
    def go_away(self, world: World) -> Callable[[], AbstractContextManager[None]]:
        return lambda: spoiled(world.faults, "*", effective=False)

    @pytest.fixture
    def payer(self, world: World) -> str:
        return str(world.buyer.address)

    @pytest.fixture
    def speak(self, world: World) -> Callable[[str], Word]:
        def speak(message: str) -> Word:
            signature = bytes(world.buyer.keypair.sign_message(message.encode()))
            return Word(
                signer=str(world.buyer.address),
                message=message,
                signature=base64.b64encode(signature).decode(),
            )

        return speak


def resigned(envelope: Envelope, signature: bytes) -> Envelope:
    """Write the same message under another last signature."""
    found = copy.deepcopy(dict(envelope))
    payload = found["payload"]
    assert isinstance(payload, dict)
    raw = base64.b64decode(payload["transaction"])
    message = VersionedTransaction.from_bytes(raw).message
    end = 1 + 64 * raw[0]
    assert raw[end:] == bytes(VersionedTransaction.from_bytes(raw))[end:]
    assert message.header.num_required_signatures == raw[0]
    payload["transaction"] = base64_of(raw[: end - 64] + signature + raw[end:])
    return found
