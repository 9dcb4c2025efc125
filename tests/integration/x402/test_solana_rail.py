"""The whole rail over a real chain: offers are built upon, checked, signed, sent and looked up."""

from collections.abc import AsyncIterator, Mapping

import pytest
from attrs import define, evolve
from solders.account import Account
from solders.hash import Hash
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from support.chain import SOL, Wallet, blockhash_of, funded
from support.quick_clock import QuickClock
from support.solana import Wire, rpc_to, sender_over
from support.transactions import (
    Draft,
    Move,
    account_of,
    authenticator_of,
    base64_of,
    memo,
    mint_of,
    resigned,
    self_paid,
)
from tillway.adapters.x402.config import RailConfig
from tillway.adapters.x402.networks import CAIP2
from tillway.adapters.x402.rail import SolanaRail
from tillway.adapters.x402.wallets import Wallets
from tillway.core.assets import PYUSD, USDC, Asset, Network
from tillway.core.catalog import Product
from tillway.core.codes import SERVER_INSUFFICIENT_FUNDS
from tillway.core.errors import Code, Declined
from tillway.core.ids import ProductId
from tillway.core.money import Money
from tillway.core.payments import Failed, Settled
from tillway.core.ports.rails import (
    BuildsTransactions,
    Checks,
    HasHealth,
    KeepsBudget,
    KnowsPayers,
    Offers,
    Proof,
    Reads,
    Sends,
    Shown,
    Starts,
)
from tillway.core.quotes import Purpose, Quote
from tillway.core.tenancy import DEFAULT
from tillway.entrypoints.sandbox.chain import Chain, Served, fund

PRICE = 50_000
SEALED = "q1.sealed"
SHOWN = Shown(url="http://shop.test/paywall/article", description="An article")


@define
class World:
    """A rail with a seller, a sponsor and a buyer on one chain."""

    chain: Chain
    clock: QuickClock
    wire: Wire
    rail: SolanaRail
    seller: Wallet
    sponsor: Wallet
    buyer: Wallet

    def quote(self, amount: int = PRICE, asset: Asset = USDC, pay_to: str | None = None) -> Quote:
        """Promise a price from now on."""
        now = int(self.clock())
        return Quote(
            network=CAIP2[Network.DEVNET],
            tenant=DEFAULT,
            purpose=Purpose.PURCHASE,
            resource="article",
            quantity=1,
            inputs={},
            amount=Money(minor=amount, asset=asset),
            pay_to=pay_to or str(self.seller.address),
            coupons=(),
            applied=(),
            principal=None,
            issued_at=now,
            expires_at=now + 300,
            nonce=b"12345",
        )

    def blockhash(self) -> Hash:
        """Give a fresh one."""
        return blockhash_of(self.chain)

    def move(self, quote: Quote, buyer: Wallet | None = None) -> Move:
        """Pay a quote exactly."""
        return Move(
            asset=quote.amount.asset,
            amount=quote.amount.minor,
            authority=(buyer or self.buyer).address,
            destination=account_of(self.seller.address, quote.amount.asset),
        )

    def sponsored(
        self, quote: Quote, note: str | None = None, buyer: Wallet | None = None
    ) -> bytes:
        """Build what official clients send, with another memo if one is given."""
        text = authenticator_of(quote) if note is None else note
        return Draft(
            move=self.move(quote, buyer),
            sponsor=self.sponsor.keypair,
            buyer=(buyer or self.buyer).keypair,
            after=(memo(text),) if text else (),
            blockhash=self.blockhash(),
        ).raw()

    def own(self, quote: Quote, buyer: Wallet | None = None) -> bytes:
        """Build what a buyer sends who pays his own fee."""
        payer = buyer or self.buyer
        note = memo(f"article:{authenticator_of(quote)}")
        instructions = [note, self.move(quote, payer).plain()]
        return self_paid(instructions, payer.keypair, blockhash=self.blockhash())

    def read(self, payment: Mapping[str, object]) -> Proof:
        """Read a payment header."""
        proof = self.rail.read(payment)
        assert proof is not None
        return proof

    async def settle(self, proof: Proof, quote: Quote) -> object:
        """Do what the core does, without a store."""
        assert self.rail.identify(proof).amount == quote.amount.minor
        checked = await self.rail.check(proof, quote)
        signed = await self.rail.sign(checked)
        return await (self.rail.look(signed) if signed.landed else self.rail.send(signed))

    def land(self, raw: bytes) -> None:
        """Have the chain run a transaction that did not come through us."""
        assert self.chain.land(VersionedTransaction.from_bytes(raw)) is not None

    def received(self, asset: Asset = USDC) -> int:
        """Tell what the seller has."""
        return self.seller.balance(self.chain, Pubkey(mint_of(asset)))


@pytest.fixture
async def world(
    quick: QuickClock, quick_chain: Chain, first: Served, wire: Wire
) -> AsyncIterator[World]:
    seller, sponsor, buyer = funded(quick_chain), funded(quick_chain), funded(quick_chain, 500_000)
    for wallet, amount in ((seller, 0), (buyer, 500_000)):
        fund(quick_chain, wallet.address, Pubkey(mint_of(PYUSD)), amount, 0)
    config = RailConfig(
        network=Network.DEVNET,
        payment_address=str(seller.address),
        assets=(USDC, PYUSD),
        gasless=True,
    )
    async with rpc_to([first.rpc_url], quick, observe=wire) as rpc, sender_over(rpc) as sender:
        wallets = Wallets(rpc=rpc, clock=quick, keys=[sponsor.keypair])
        rail = SolanaRail(
            config=config, rpc=rpc, wallets=wallets, sender=sender, clock=quick, parts=(wallets,)
        )
        await rail.start()
        yield World(quick_chain, quick, wire, rail, seller, sponsor, buyer)
        await rail.aclose()


def header(version: int, raw: bytes, **more: object) -> dict[str, object]:
    """Write a payment header of some version."""
    payload = {"transaction": base64_of(raw)}
    if version == 0:
        return {
            "x402Version": 0,
            "scheme": "solana-spl-transfer",
            "network": "devnet",
            "payload": {**payload, "resource": "article", **more},
        }
    if version == 1:
        named = {"scheme": "exact", "network": "solana-devnet"}
        return {"x402Version": 1, **named, "payload": payload}
    accepted = {"scheme": "exact", "network": CAIP2[Network.DEVNET], "extra": more}
    return {"x402Version": 2, "accepted": accepted, "payload": payload}


async def refusal(world: World, proof: Proof, quote: Quote) -> Declined:
    with pytest.raises(Declined) as caught:
        await world.rail.check(proof, quote)
    return caught.value


class TestPaying:
    async def test_version_two(self, world: World) -> None:
        """One simulation, one sending, and the money is there."""
        quote = world.quote()
        proof = world.read(header(2, world.sponsored(quote), quote=SEALED))
        assert isinstance(await world.settle(proof, quote), Settled)
        assert world.received() == PRICE
        assert world.wire.count("simulateTransaction") == 1
        assert world.wire.count("sendTransaction") == 1
        assert world.wire.count("getMultipleAccounts") == 0

    async def test_version_one_with_and_without_memo(self, world: World) -> None:
        """The oldest client drops it."""
        quote = world.quote()
        for note in (None, ""):
            proof = world.read(header(1, world.sponsored(quote, note)))
            assert isinstance(await world.settle(proof, quote), Settled)
        assert world.received() == 2 * PRICE

    async def test_version_zero_by_the_buyers_own_fee(self, world: World) -> None:
        """Unchecked transfer, memo first, and our wallet untouched."""
        quote, before = world.quote(), world.chain.lamports(world.sponsor.address)
        proof = world.read(header(0, world.own(quote)))
        assert isinstance(await world.settle(proof, quote), Settled)
        assert world.received() == PRICE
        assert world.chain.lamports(world.sponsor.address) == before

    @pytest.mark.parametrize("asset", [USDC, PYUSD])
    async def test_version_zero_by_a_transaction_that_we_built(
        self, world: World, asset: Asset
    ) -> None:
        """The buyer signs what he was given and sends it back."""
        quote = world.quote(asset=asset)
        authenticator = authenticator_of(quote)
        payer = str(world.buyer.address)
        built = await world.rail.build(quote, payer, None, authenticator, SHOWN)
        raw = resigned(built.transaction, world.buyer.keypair)
        proof = world.read(header(0, raw, feePayer=built.fee_payer))
        assert isinstance(await world.settle(proof, quote), Settled)
        assert world.received(asset) == PRICE

    async def test_token_2022(self, world: World) -> None:
        """By the mint's own program."""
        quote = world.quote(asset=PYUSD)
        proof = world.read(header(2, world.sponsored(quote)))
        assert isinstance(await world.settle(proof, quote), Settled)
        assert world.received(PYUSD) == PRICE

    async def test_the_sponsor_pays_what_was_foreseen(self, world: World) -> None:
        """Lamports as reserved, to the last."""
        quote, before = world.quote(), world.chain.lamports(world.sponsor.address)
        proof = world.read(header(2, world.sponsored(quote)))
        signed = await world.rail.sign(await world.rail.check(proof, quote))
        foreseen = next(one.amount for one in signed.reservations if one.name.startswith("spon"))
        assert isinstance(await world.rail.send(signed), Settled)
        assert before - world.chain.lamports(world.sponsor.address) == foreseen


class TestChainSaysNo:
    async def test_too_few_tokens(self, world: World) -> None:
        """Custom(1) of the token program, whichever it is."""
        for asset in (USDC, PYUSD):
            quote = world.quote(500_001, asset)
            found = await refusal(world, world.read(header(2, world.sponsored(quote))), quote)
            assert found.code == Code.INSUFFICIENT_FUNDS_TOKEN

    async def test_no_token_account(self, world: World) -> None:
        """The buyer has never had this token."""
        poor = Wallet()
        fund(world.chain, poor.address, None, 0, SOL)
        quote = world.quote()
        for raw, version in ((world.sponsored(quote, buyer=poor), 2), (world.own(quote, poor), 0)):
            found = await refusal(world, world.read(header(version, raw)), quote)
            assert found.code == Code.MISSING_TOKEN_ACCOUNT

    async def test_no_receiving_account(self, world: World) -> None:
        """The seller must provide it; nobody creates it on the way."""
        stranger = Wallet()
        quote = world.quote(pay_to=str(Pubkey(account_of(stranger.address))))
        raw = Draft(
            move=evolve(world.move(quote), destination=account_of(stranger.address)),
            sponsor=world.sponsor.keypair,
            buyer=world.buyer.keypair,
            after=(memo(authenticator_of(quote)),),
            blockhash=world.blockhash(),
        ).raw()
        found = await refusal(world, world.read(header(2, raw)), quote)
        assert found.code == Code.MISSING_TOKEN_ACCOUNT

    async def test_no_sol(self, world: World) -> None:
        """The buyer's want is his, ours is ours."""
        quote = world.quote()
        world.chain.put(world.buyer.address, Account(1, b"", Pubkey.default()))
        own = await refusal(world, world.read(header(0, world.own(quote))), quote)
        assert own.code == Code.INSUFFICIENT_FUNDS_SOL
        world.chain.put(world.sponsor.address, Account(1, b"", Pubkey.default()))
        ours = await refusal(world, world.read(header(2, world.sponsored(quote))), quote)
        assert (ours.code, ours.message) == (Code.INTERNAL_ERROR, SERVER_INSUFFICIENT_FUNDS)

    async def test_an_unknown_blockhash(self, world: World) -> None:
        """It can never land."""
        quote = world.quote()
        raw = Draft(
            move=world.move(quote),
            sponsor=world.sponsor.keypair,
            buyer=world.buyer.keypair,
            after=(memo(authenticator_of(quote)),),
        ).raw()
        found = await refusal(world, world.read(header(2, raw)), quote)
        assert found.code == Code.TRANSACTION_EXPIRED

    async def test_a_receiving_account_that_was_given_away(self, world: World) -> None:
        """Same address, another owner: the money would not be ours."""
        receiver = Pubkey(account_of(world.seller.address))
        before = world.chain.account(receiver)
        assert before is not None
        data = bytearray(before.data)
        data[32:64] = bytes(Keypair().pubkey())
        world.chain.put(receiver, Account(before.lamports, bytes(data), before.owner))
        quote = world.quote()
        found = await refusal(world, world.read(header(2, world.sponsored(quote))), quote)
        assert found.code == Code.INVALID_RECIPIENT


class TestOnChainBefore:
    async def test_the_buyer_sent_it_himself_with_the_quote(self, world: World) -> None:
        """Taken, looked up and never sent."""
        quote = world.quote()
        raw = world.own(quote)
        world.land(raw)
        await world.clock.sleep(2)
        proof = world.read(header(0, raw, metadata={"quote": SEALED}))
        checked = await world.rail.check(proof, quote)
        assert checked.landed
        assert isinstance(await world.settle(proof, quote), Settled)
        assert (world.received(), world.wire.count("sendTransaction")) == (PRICE, 0)

    async def test_long_after(self, world: World) -> None:
        """The blockhash is too old to tell, the history is not."""
        quote = world.quote()
        raw = world.own(quote)
        world.land(raw)
        world.clock.forward(120)
        proof = world.read(header(0, raw, metadata={"quote": SEALED}))
        assert (await world.rail.check(proof, quote)).landed

    @pytest.mark.parametrize("after", [2, 120])
    async def test_anyone_rebuilds_it_from_the_chain(self, world: World, after: int) -> None:
        """Never granted, in no dialect, however it is presented."""
        quote = world.quote()
        own, sponsored = world.own(quote), world.sponsored(quote)
        proof = world.read(header(2, sponsored))
        signed = await world.rail.sign(await world.rail.check(proof, quote))
        world.land(own)
        world.land(signed.payload)
        world.clock.forward(after)
        for version, raw in ((0, own), (1, sponsored), (2, sponsored), (2, signed.payload)):
            found = await refusal(world, world.read(header(version, raw)), quote)
            assert found.code in {Code.PAYMENT_ALREADY_USED, Code.TRANSACTION_EXPIRED}

    async def test_a_failed_one(self, world: World) -> None:
        """On the chain, with an error: not paid."""
        quote = world.quote()
        raw = world.own(quote)
        account = Pubkey(account_of(world.buyer.address))
        before = world.chain.account(account)
        assert before is not None
        empty = bytes(before.data[:64]) + bytes(8) + bytes(before.data[72:])
        world.chain.put(account, Account(before.lamports, empty, before.owner))
        world.land(raw)
        await world.clock.sleep(2)
        proof = world.read(header(0, raw, metadata={"quote": SEALED}))
        assert (await refusal(world, proof, quote)).code == Code.INSUFFICIENT_FUNDS_TOKEN

    async def test_after_the_quotes_time(self, world: World) -> None:
        """Paid too late buys nothing."""
        quote = world.quote()
        late = evolve(quote, issued_at=quote.issued_at - 600, expires_at=quote.issued_at - 300)
        raw = world.own(late)
        world.land(raw)
        await world.clock.sleep(2)
        proof = world.read(header(0, raw, metadata={"quote": SEALED}))
        checked = await world.rail.check(proof, late)
        assert checked.refusal is not None
        assert checked.refusal.code == Code.QUOTE_EXPIRED

    async def test_it_lands_and_fails_after_it_was_checked(self, world: World) -> None:
        """What the check cannot know, sending proves: failed, and it cost our wallet a fee."""
        quote = world.quote()
        proof = world.read(header(2, world.sponsored(quote)))
        signed = await world.rail.sign(await world.rail.check(proof, quote))
        world.chain.put(Pubkey(account_of(world.buyer.address)), Account(1, b"", Pubkey.default()))
        world.land(signed.payload)
        world.clock.forward(60)
        outcome = await world.rail.look(signed)
        assert isinstance(outcome, Failed)
        assert outcome.landed


class TestRail:
    def test_it_has_every_port_of_a_rail(self, world: World) -> None:
        """The core finds out by asking for the ports."""
        ports = (
            Offers,
            Reads,
            Checks,
            Sends,
            BuildsTransactions,
            HasHealth,
            Starts,
            KeepsBudget,
            KnowsPayers,
        )
        assert all(isinstance(world.rail, port) for port in ports)
        assert (world.rail.name, world.rail.method) == ("x402", "x402")

    def test_what_it_sells(self, world: World) -> None:
        """Products with a crypto price in a token of the list, to their own account or ours."""
        price = Money(minor=5, asset=USDC)
        product = Product(id=ProductId("article"), crypto_price=price)
        found = world.rail.sells(product)
        assert found is not None
        assert (found.network, found.pay_to, found.price) == (
            CAIP2[Network.DEVNET],
            str(world.seller.address),
            price,
        )
        own = world.rail.sells(evolve(product, crypto_account="account"))
        assert own is not None
        assert own.pay_to == "account"
        assert world.rail.sells(evolve(product, crypto_price=None)) is None
        other = Money(minor=5, asset=evolve(USDC, code="OTHER"))
        assert world.rail.sells(evolve(product, crypto_price=other)) is None

    async def test_a_products_account_is_offered_to_all_once_its_owner_is_known(
        self, world: World
    ) -> None:
        """The first offer has the account looked up; a later one serves every version."""
        shop = funded(world.chain)
        quote = world.quote(pay_to=str(Pubkey(account_of(shop.address))))
        versions: set[int] = set()
        for _ in range(50):
            versions = set(world.rail.offer(quote, SEALED, authenticator_of(quote), SHOWN).accepts)
            if versions == {0, 1, 2}:
                break
            await world.clock.sleep(0.2)
        assert versions == {0, 1, 2}

    async def test_health(self, world: World) -> None:
        """From a node and from memory; nothing secret."""
        found = await world.rail.health()
        assert found.reachable
        assert found.features == ("gasless",)
        assert found.facts == {
            "network": "devnet",
            "paymentAddress": str(world.seller.address),
            "tokenMint": "4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU",
        }
        assert [wallet.status for wallet in found.wallets] == ["healthy"]

    async def test_health_without_a_node(self, world: World, first: Served) -> None:
        """Unreachable is an answer too."""
        async with rpc_to(["http://127.0.0.1:9"], world.clock) as nobody:
            rail = SolanaRail(
                config=world.rail.config,
                rpc=nobody,
                wallets=world.rail.wallets,
                sender=world.rail.sender,
                clock=world.clock,
            )
            assert not (await rail.health()).reachable

    async def test_what_was_started_is_closed_when_a_part_fails(self, world: World) -> None:
        """In reverse order, the failed part too, and a repeat does nothing."""
        closed: list[str] = []
        parts = [Part("a", closed), Part("b", closed), Part("c", closed, fails=True)]
        rail = SolanaRail(
            config=world.rail.config,
            rpc=world.rail.rpc,
            wallets=world.rail.wallets,
            sender=world.rail.sender,
            clock=world.clock,
            parts=(*parts, Part("d", closed)),
        )
        with pytest.raises(RuntimeError):
            await rail.start()
        await rail.aclose()
        assert closed == ["c", "b", "a"]

    def test_secrets_do_not_show(self, world: World) -> None:
        """Not the wallets' keys, not the node's address."""
        text = repr(world.rail)
        assert str(world.sponsor.keypair) not in text
        assert "http" not in text


@define
class Part:
    """Something that starts and closes."""

    name: str
    closed: list[str]
    fails: bool = False

    async def start(self) -> None:
        """Start, or fail."""
        if self.fails:
            raise RuntimeError(self.name)

    async def aclose(self) -> None:
        """Tell that it was closed."""
        self.closed.append(self.name)
