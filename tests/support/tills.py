"""Gateways on paper: the real services and the real rail, over a chain that runs everything.

Any number of tills share one store and one set of quote keys, as the worst case has it: they
differ in tenant, network, payee, token and prices, and a payment for one is shown to another.
"""

import base64
import hashlib
import secrets
import struct
from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from functools import cache
from typing import Any, Final

from attrs import define, field, frozen
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from support.solana_fakes import FakeChain, FakeClock, FakeWallets
from support.transactions import (
    SPONSOR,
    Draft,
    Move,
    keypair,
    memo,
    program_of,
    unit_price,
    wire,
)
from tillway.adapters.sealing import MasterKey, Sealer
from tillway.adapters.stores.memory import MemoryStore
from tillway.adapters.x402.accounts import token_account
from tillway.adapters.x402.answers import Account, Simulation
from tillway.adapters.x402.config import RailConfig
from tillway.adapters.x402.networks import CAIP2, V1_NAMES
from tillway.adapters.x402.programs import written
from tillway.adapters.x402.rail import SolanaRail
from tillway.core.assets import BUILT_IN, PYUSD, USDC, Asset, Network
from tillway.core.catalog import Coupon, DiscountType, Product
from tillway.core.errors import TillwayError
from tillway.core.ids import CouponCode, ProductId
from tillway.core.money import Money, Rounding
from tillway.core.payments import Asked, Outcome, Purchase, Settled
from tillway.core.ports.rails import Offer, Signed
from tillway.core.ports.store import Store
from tillway.core.quotes import Purpose, read_authenticator
from tillway.core.services.catalogue.catalogues import FixedCatalogue
from tillway.core.services.paying.endings import Endings
from tillway.core.services.paying.leases import Leases
from tillway.core.services.paying.quote import Quoting
from tillway.core.services.paying.repeats import Repeats
from tillway.core.services.paying.settle import Granted, Settle
from tillway.core.services.paying.terms import Terms
from tillway.core.services.rails import Rails
from tillway.core.services.subjects import Products, Subjects
from tillway.core.tenancy import DEFAULT, Tenant

LIFETIME: Final = timedelta(minutes=5)
NETWORKS: Final = (Network.DEVNET, Network.MAINNET)
ASSETS: Final = (USDC, PYUSD)
PAYEES: Final = tuple(keypair(name).pubkey() for name in ("one seller", "another"))
BUYER: Final = keypair("a buyer at tills")
RESOURCES: Final = ("article", "book", "course", "gift")
"""All but the course cost the same; the gift is paid to a token account of its own."""

COUPONS: Final = (None, "HALF", "ONCE")
"""None, one for everybody, and one that is redeemed once."""

_RICH: Final = 10**12
_KEYS: Final = (MasterKey(secret=b"k" * 32),)


@frozen(kw_only=True)
class World:
    """Where something is sold: all that tells one till from another."""

    tenant: Tenant = DEFAULT
    network: Network = Network.DEVNET
    payee: Pubkey = PAYEES[0]
    asset: Asset = USDC
    price: int = 50_000

    def payee_of(self, resource: str) -> Pubkey:
        """Tell whose token account a resource is paid to."""
        return PAYEES[1] if resource == "gift" else self.payee


@frozen(kw_only=True)
class Wanted:
    """What is asked for at a till."""

    resource: str = "article"
    coupon: str | None = None

    def of(self, tenant: Tenant) -> Purchase:
        """Give the purchase that it is for this tenant."""
        return Purchase(
            tenant=tenant, purpose=Purpose.PURCHASE, resource=self.resource, coupon=self.coupon
        )

    @property
    def asked(self) -> Asked:
        """Hash the request as a face would, always from one address."""
        text = f"GET\n/paywall/{self.resource}\ncouponCode={self.coupon}\n"
        return Asked(request=hashlib.sha256(text.encode()).hexdigest(), address="192.0.2.1")


def mint_at(network: Network, asset: Asset) -> bytes:
    """Give an asset's mint on a network."""
    return bytes(Pubkey.from_string(asset.mint_on(network)))


@cache
def account_at(owner: Pubkey, network: Network, asset: Asset) -> bytes:
    """Give an owner's token account on a network."""
    return token_account(bytes(owner), mint_at(network, asset), program_of(asset))


def _holding(owner: Pubkey, network: Network, asset: Asset) -> Account:
    data = mint_at(network, asset) + bytes(owner) + struct.pack("<Q", _RICH)
    filled = data.ljust(108, b"\0") + b"\x01"
    program = Pubkey(program_of(asset))
    return Account(owner=program, lamports=2_039_280, data=filled.ljust(165, b"\0"))


_HOLDINGS: Final = {
    Pubkey(account_at(owner, network, asset)): _holding(owner, network, asset)
    for owner in (*PAYEES, BUYER.pubkey())
    for network in NETWORKS
    for asset in ASSETS
}


@define
class WillingChain(FakeChain):
    """Runs whatever it is shown; everybody is rich."""

    async def simulate(self, raw: bytes, accounts: Sequence[Pubkey] = ()) -> Simulation:
        """Say that it would work."""
        after = tuple(_HOLDINGS.get(key) for key in accounts)
        return Simulation(err=None, logs=(), units=700, slot=400, accounts=after)


@define
class WillingSender:
    """Lands whatever it is given, and counts it."""

    sent: list[Signed] = field(factory=list)

    async def send(self, signed: Signed) -> Outcome:
        """Land it."""
        self.sent.append(signed)
        return Settled(signature=signed.signature, slot=401)

    async def look(self, signed: Signed) -> Outcome:
        """Say that it has landed."""
        return Settled(signature=signed.signature, slot=401)


@define
class Till:
    """One gateway."""

    world: World
    quoting: Quoting
    settle: Settle
    rail: SolanaRail
    sender: WillingSender

    async def offer(self, wanted: Wanted) -> Offer:
        """Quote what is wanted."""
        quoted = await self.quoting.quote(wanted.of(self.world.tenant), "http://till.test/")
        return quoted.offers[0]

    async def grants(self, envelope: Mapping[str, object], wanted: Wanted) -> Granted | None:
        """Take a payment for what is wanted; None if it is refused."""
        try:
            proof = self.quoting.rails.read(envelope)
            return await self.settle.settle(proof, wanted.of(self.world.tenant), wanted.asked)
        except TillwayError:
            return None


@define
class Street:
    """Tills that share a store, keys and a clock."""

    store: Store = field(factory=MemoryStore)
    clock: FakeClock = field(factory=FakeClock)

    def till(self, world: World) -> Till:
        """Open a till. Its wallet for fees is every till's."""
        config = RailConfig(
            network=world.network,
            payment_address=str(world.payee),
            assets=ASSETS,
            gasless=True,
        )
        sender = WillingSender()
        rail = SolanaRail(
            config=config,
            rpc=WillingChain(),  # type: ignore[arg-type]  # what the rail asks of it, it has
            wallets=FakeWallets(),  # type: ignore[arg-type]  # likewise
            sender=sender,
            clock=self.clock,
        )
        quoting = self._quoting(world, Rails.of([rail]))
        return Till(world, quoting, self._settle(quoting), rail, sender)

    def _quoting(self, world: World, rails: Rails) -> Quoting:
        seals = Sealer(
            keys=_KEYS,
            assets=BUILT_IN,
            now=self.clock.now,
            random=secrets.token_bytes,
            retention=LIFETIME,
        )
        catalogue = FixedCatalogue(_products(world), _coupons(), world.tenant)
        subjects = Subjects()
        subjects.add(Products(catalogue))
        return Quoting(
            store=self.store,
            catalogue=catalogue,
            subjects=subjects,
            rails=rails,
            seals=seals,
            clock=self.clock,
            random=secrets.token_bytes,
            lifetime=LIFETIME,
            rounding=Rounding.STANDARD,
            strict=False,
            observe=lambda _: None,
        )

    def _settle(self, quoting: Quoting) -> Settle:
        store, clock = self.store, self.clock
        return Settle(
            store=store,
            rails=quoting.rails,
            terms=Terms(quoting=quoting, seals=quoting.seals),
            repeats=Repeats(seals=quoting.seals, clock=clock),
            endings=Endings(
                store=store, subjects=quoting.subjects, clock=clock, random=secrets.token_bytes
            ),
            leases=Leases(store=store, clock=clock, process="us", length=timedelta(seconds=5)),
            wait=5.0,
            observe=lambda _: None,
        )


def _products(world: World) -> Sequence[Product]:
    own = written(account_at(PAYEES[1], world.network, world.asset))
    return [
        Product(
            id=ProductId(name),
            crypto_price=Money(world.price * (3 if name == "course" else 1), world.asset),
            crypto_account=own if name == "gift" else "",
        )
        for name in RESOURCES
    ]


@cache
def _coupons() -> Sequence[Coupon]:
    limits = {"HALF": None, "ONCE": 1}
    return [
        Coupon(
            code=CouponCode(code),
            discount_type=DiscountType.PERCENTAGE,
            discount_value=Decimal(50),
            usage_limit=limit,
        )
        for code, limit in limits.items()
    ]


# Payments


@frozen(kw_only=True)
class Carried:
    """What a payment carries of ours, and in which form it is shown."""

    memo: bool = True
    quote: bool = True
    version: int = 2
    sponsored: bool = True


def note_of(offer: Offer) -> str:
    """Give the bare authenticator, which every version takes as a memo."""
    extra: Any = offer.accepts[0][0]["extra"]
    return str(read_authenticator(extra["memo"]))


@frozen(kw_only=True)
class Moved:
    """What a transaction does, as its quote asked or otherwise."""

    network: Network
    payee: Pubkey
    asset: Asset
    amount: int
    note: str | None

    @classmethod
    def by(cls, world: World, offer: Offer, *, memo: bool) -> "Moved":
        """Do exactly what an offer asks for."""
        return cls(
            network=world.network,
            payee=world.payee_of(offer.quote.resource),
            asset=offer.quote.amount.asset,
            amount=offer.quote.amount.minor,
            note=note_of(offer) if memo else None,
        )

    def raw(self, *, sponsored: bool, price: int = 1) -> bytes:
        """Write and sign the transaction; another price for its units makes it another one."""
        after = () if self.note is None else (memo(self.note),)
        draft = Draft(move=self._move(), sponsor=SPONSOR, buyer=BUYER, after=after, price=price)
        if sponsored:
            return draft.raw()
        instructions: list[Instruction] = [unit_price(price), self._move().checked(), *after]
        buyer: Keypair = BUYER
        return wire(instructions, [buyer], fee_payer=buyer.pubkey(), legacy=True)

    def _move(self) -> Move:
        return Move(
            asset=self.asset,
            amount=self.amount,
            mint=mint_at(self.network, self.asset),
            authority=BUYER.pubkey(),
            source=account_at(BUYER.pubkey(), self.network, self.asset),
            destination=account_at(self.payee, self.network, self.asset),
        )


def envelope(
    raw: bytes, carried: Carried, sealed: str, world: World, wanted: Wanted
) -> Mapping[str, object]:
    """Write the payment as a buyer who is out for the most would: for this till."""
    transaction = base64.b64encode(raw).decode()
    quote = {"quote": sealed} if carried.quote else {}
    if carried.version == 0:
        return _oldest(transaction, carried, quote, world, wanted)
    if carried.version == 1:
        return {
            "x402Version": 1,
            "scheme": "exact",
            "network": V1_NAMES[world.network],
            "payload": {"transaction": transaction},
        }
    accepted = {"scheme": "exact", "network": CAIP2[world.network], "extra": quote}
    return {"x402Version": 2, "accepted": accepted, "payload": {"transaction": transaction}}


def _oldest(
    transaction: str,
    carried: Carried,
    quote: Mapping[str, str],
    world: World,
    wanted: Wanted,
) -> Mapping[str, object]:
    coupon = {} if wanted.coupon is None else {"couponCode": wanted.coupon}
    payload: dict[str, object] = {
        "transaction": transaction,
        "resource": wanted.resource,
        "metadata": {**quote, **coupon},
    }
    if carried.sponsored:
        payload["feePayer"] = str(SPONSOR.pubkey())
    return {
        "x402Version": 0,
        "scheme": "solana-spl-transfer",
        "network": world.network.value,
        "payload": payload,
    }


def renamed(payment: Mapping[str, object], world: World, wanted: Wanted) -> Mapping[str, object]:
    """Write the same payment for another till, and for something else."""
    inner: Any = payment
    if payment["x402Version"] == 1:
        return {**payment, "network": V1_NAMES[world.network]}
    if payment["x402Version"] == 2:
        return {**payment, "accepted": {**inner["accepted"], "network": CAIP2[world.network]}}
    payload = {**inner["payload"], "resource": wanted.resource}
    return {**payment, "network": world.network.value, "payload": payload}
