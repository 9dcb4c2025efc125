"""A gateway over a real chain, served on loopback, with buyers of every dialect."""

import base64
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
import yaml
from aiohttp import web
from attrs import define, evolve, field, frozen
from solders.transaction import VersionedTransaction
from yarl import URL

from support.chain import USDC, Wallet, blockhash_of, funded, pay
from tillway.core.events import Event
from tillway.core.payments import Payment
from tillway.core.ports.store import Store
from tillway.core.tenancy import DEFAULT, Tenant
from tillway.entrypoints.bootstrap import Ports, create_app
from tillway.entrypoints.configuration import configure
from tillway.entrypoints.gateway import Gateway
from tillway.entrypoints.http.app import server_options
from tillway.entrypoints.sandbox.chain import Chain, Faults, Served, serve_chain
from tillway.entrypoints.sandbox.clock import VirtualClock

ARTICLE = 50_000
BOOK = 50_000
COURSE = 900_000

RESOURCES = {
    "article": {"crypto_atomic_amount": ARTICLE, "crypto_token": "USDC", "description": "Text"},
    "book": {"crypto_atomic_amount": BOOK, "crypto_token": "USDC", "description": "Same price"},
    "course": {"crypto_atomic_amount": COURSE, "crypto_token": "USDC", "description": "Dear"},
    "mug": {"fiat_amount_cents": 1250, "description": "By card"},
}

COUPONS = {
    "HALF": {
        "code": "HALF",
        "discount_type": "percentage",
        "discount_value": 50,
        "scope": "all",
        "active": True,
    },
    "ONCE": {
        "code": "ONCE",
        "discount_type": "percentage",
        "discount_value": 50,
        "scope": "all",
        "usage_limit": 1,
        "active": True,
    },
    "FREE": {
        "code": "FREE",
        "discount_type": "percentage",
        "discount_value": 100,
        "scope": "all",
        "usage_limit": 2,
        "active": True,
    },
}


@frozen
class Answer:
    """What the gateway said."""

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def receipt(self) -> Any:
        """The decoded receipt, of whichever dialect."""
        text = self.headers.get("PAYMENT-RESPONSE") or self.headers.get("X-PAYMENT-RESPONSE")
        return None if text is None else orjson.loads(base64.b64decode(text))

    @property
    def required(self) -> Any:
        """The decoded challenge of version 2."""
        text = self.headers.get("PAYMENT-REQUIRED")
        return None if text is None else orjson.loads(base64.b64decode(text))

    @property
    def offer(self) -> Any:
        """The one offer of version 2."""
        return self.required["accepts"][0]

    @property
    def code(self) -> str | None:
        """The error's code, if this is an error."""
        error = self.body.get("error") if isinstance(self.body, dict) else None
        return error["code"] if isinstance(error, dict) else None


@define
class Shop:
    """A served gateway, its chain and its wallets."""

    chain: Chain
    faults: Faults
    clock: VirtualClock
    merchant: Wallet
    sponsor: Wallet
    gateway: Gateway
    node: Served
    address: str
    http: aiohttp.ClientSession = field(repr=False)
    tenant: Tenant = DEFAULT

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """GET a path."""
        return await self.call("GET", path, headers)

    @asynccontextmanager
    async def visited_from(self, host: str = "127.0.0.2") -> AsyncIterator["Shop"]:
        """Give the same shop, visited from another address of this machine."""
        connector = aiohttp.TCPConnector(local_addr=(host, 0))
        async with aiohttp.ClientSession(connector=connector) as http:
            yield evolve(self, http=http)

    async def post(
        self, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """POST JSON."""
        return await self.call("POST", path, headers, body)

    async def call(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: object = None,
    ) -> Answer:
        """Make one request."""
        url = URL(f"{self.address}{path}", encoded=True)
        data = None if body is None else orjson.dumps(body)
        async with self.http.request(method, url, headers=headers, data=data) as response:
            raw = await response.read()
            try:
                decoded = orjson.loads(raw)
            except orjson.JSONDecodeError:
                decoded = raw.decode()
            return Answer(response.status, decoded, dict(response.headers))

    async def offer(self, resource: str = "article", query: str = "") -> Answer:
        """Ask for a resource and get the 402."""
        return await self.get(f"/paywall/{resource}{query}")

    def buyer(self, usdc: int = 10_000_000, sol: float = 0) -> Wallet:
        """Make a funded wallet."""
        return funded(self.chain, usdc, sol)

    def sign(self, buyer: Wallet, offer: Mapping[str, Any], **changes: Any) -> bytes:
        """Sign what an offer of version 2 asks for; ``changes`` go to support.chain.pay."""
        arguments: dict[str, Any] = {
            "owner": self.merchant.address,
            "amount": int(offer["amount"]),
            "blockhash": blockhash_of(self.chain),
            "note": offer["extra"]["memo"],
            "fee_payer": self.sponsor.address,
        }
        return bytes(pay(buyer, **{**arguments, **changes}))

    def sign_old(self, buyer: Wallet, requirement: Mapping[str, Any]) -> bytes:
        """Sign what a requirement of version 0 asks for, as a buyer who pays the fee."""
        offer = {"amount": requirement["maxAmountRequired"], "extra": requirement["extra"]}
        return self.sign(buyer, offer, fee_payer=None, legacy=True)

    async def paid(self, buyer: Wallet, resource: str = "article", query: str = "") -> Answer:
        """Buy a resource with x402 version 2, from the offer to the grant."""
        asked = await self.offer(resource, query)
        header = v2_header(self.sign(buyer, asked.offer), asked.offer)
        return await self.get(f"/paywall/{resource}{query}", header)

    async def payments(self) -> Sequence[Payment]:
        """Give what the gateway's store has of payments, newest first."""
        async with self.gateway.store.view() as view:
            return await view.payments.newest(DEFAULT, 10_000)

    async def events(self) -> Sequence[Event]:
        """Give the facts that the gateway has written, newest first."""
        async with self.gateway.store.view() as view:
            return await view.events.newest(DEFAULT, 10_000)

    def sent(self) -> int:
        """Tell how often the node was asked to send a transaction."""
        return self.node.node.calls["sendTransaction"]

    def balance(self) -> int:
        """Tell what the merchant has, in the token's smallest units."""
        return self.merchant.balance(self.chain)

    def sponsored(self) -> int:
        """Tell what the sponsor has, in lamports."""
        account = self.chain.account(self.sponsor.address)
        return account.lamports if account else 0


def v2_header(transaction: bytes, accepted: Mapping[str, Any], **more: Any) -> dict[str, str]:
    """Write a payment of version 2 that echoes the offer."""
    payment = {
        "x402Version": 2,
        "accepted": dict(accepted),
        "payload": {"transaction": base64.b64encode(transaction).decode()},
        **more,
    }
    return {"PAYMENT-SIGNATURE": _encoded(payment)}


def v1_header(transaction: bytes, network: str = "solana-devnet") -> dict[str, str]:
    """Write a payment of version 1, which echoes nothing."""
    payment = {
        "x402Version": 1,
        "scheme": "exact",
        "network": network,
        "payload": {"transaction": base64.b64encode(transaction).decode()},
    }
    return {"X-PAYMENT": _encoded(payment)}


def v0_header(
    transaction: bytes, resource: str, network: str = "devnet", **payload: Any
) -> dict[str, str]:
    """Write a payment of version 0."""
    payment = {
        "x402Version": 0,
        "scheme": "solana-spl-transfer",
        "network": network,
        "payload": {
            "transaction": base64.b64encode(transaction).decode(),
            "resource": resource,
            **payload,
        },
    }
    return {"X-PAYMENT": _encoded(payment)}


def signature_of(transaction: bytes) -> str:
    """Give a transaction's first signature."""
    return str(VersionedTransaction.from_bytes(transaction).signatures[0])


def _encoded(payment: Mapping[str, Any]) -> str:
    return base64.b64encode(orjson.dumps(payment)).decode()


def settings_text(node: Served, merchant: Wallet, **changes: Mapping[str, Any]) -> str:
    """Write settings for a gateway over this node; ``changes`` are merged into sections."""
    sections: dict[str, dict[str, Any]] = {
        "logging": {"environment": "development", "level": "warn"},
        "storage": {"backend": "memory"},
        "x402": {
            "payment_address": str(merchant.address),
            "token_mint": str(USDC.mint),
            "network": "devnet",
            "rpc_url": node.rpc_url,
            "ws_url": node.ws_url,
            "gasless_enabled": True,
        },
        "paywall": {"resources": RESOURCES},
        "coupons": {"coupons": COUPONS},
    }
    for name, change in changes.items():
        sections[name] = {**sections.get(name, {}), **change}
    return yaml.safe_dump(sections)


@asynccontextmanager
async def open_shop(
    *,
    slot_ms: int = 400,
    confirm_delay_ms: int = 20,
    background: bool = True,
    one_wallet: bool = False,
    store: Store | None = None,
    clock: VirtualClock | None = None,
    environment: Mapping[str, str] | None = None,
    **changes: Mapping[str, Any],
) -> AsyncIterator[Shop]:
    """Serve a gateway over a chain of its own; ``changes`` are settings by section.

    With ``one_wallet`` the wallet that is paid is the one that pays the fees. A ``store`` takes
    the place of the one that the settings name.
    """
    clock, faults = clock or VirtualClock(), Faults()
    chain = Chain(clock=clock.seconds, slot_ms=slot_ms, confirm_delay_ms=confirm_delay_ms)
    merchant = funded(chain, sol=10)
    sponsor = merchant if one_wallet else funded(chain, sol=10)
    async with serve_chain(chain, faults=faults) as node:
        gateway = _gateway(node, clock, merchant, sponsor, background, changes, store, environment)
        async with _served(gateway) as address, aiohttp.ClientSession() as http:
            yield Shop(
                chain=chain,
                faults=faults,
                clock=clock,
                merchant=merchant,
                sponsor=sponsor,
                gateway=gateway,
                node=node,
                address=address,
                http=http,
            )


@asynccontextmanager
async def another_gateway(
    shop: Shop, *, background: bool = True, **changes: Mapping[str, Any]
) -> AsyncIterator[Shop]:
    """Serve a second gateway for the same merchant: same chain, wallets and clock."""
    gateway = _gateway(shop.node, shop.clock, shop.merchant, shop.sponsor, background, changes)
    async with _served(gateway) as address:
        yield evolve(shop, gateway=gateway, address=address)


def _gateway(
    node: Served,
    clock: VirtualClock,
    merchant: Wallet,
    sponsor: Wallet,
    background: bool,
    changes: Mapping[str, Mapping[str, Any]],
    store: Store | None = None,
    environment: Mapping[str, str] | None = None,
) -> Gateway:
    text = settings_text(node, merchant, **changes)
    named = {"X402_SERVER_WALLET_1": str(sponsor.keypair), **(environment or {})}
    configured = configure(text, named)
    return create_app(configured, background=background, ports=Ports(clock=clock, store=store))


@asynccontextmanager
async def _served(gateway: Gateway) -> AsyncIterator[str]:
    runner = web.AppRunner(gateway.web, **server_options())
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.fixture(params=["memory", "file"])
async def shop(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Shop]:
    """Give a shop on each store."""
    place = {"backend": request.param, "file_path": str(tmp_path / "tillway.db")}
    async with open_shop(storage=place) as made:
        yield made
