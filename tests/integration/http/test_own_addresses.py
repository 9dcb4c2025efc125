"""Our own address is what the settings say: nobody's Host, and nobody's word for another site."""

import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from attrs import frozen

from support.chain import Wallet
from support.hosts import answer_of, called, hosted, scope_of
from support.members import month_of
from support.shop import ARTICLE, Answer, Shop, open_shop, v1_header, v2_header
from tillway.entrypoints import PaywallMiddleware, paywall_middleware, paywalled
from tillway.entrypoints.paywall.asgi import App, Receive, Scope, Send

SHOP = "https://shop.example"
EVIL = "evil.example"
GOLD = {
    "gold": {
        "description": "A club",
        "crypto_atomic_amount": 900_000,
        "crypto_token": "USDC",
        "subscription": {"billing_period": "month", "allow_x402": True},
    }
}
CLAIMS: tuple[Mapping[str, str], ...] = (
    {"Host": EVIL},
    {"Host": EVIL.upper()},
    {"Host": f"{EVIL}:80"},
    {"Host": f"shop.example@{EVIL}"},
    {"Host": "shop.example", "X-Forwarded-Host": EVIL},
    {"Host": EVIL, "X-Forwarded-Proto": "http", "Forwarded": f"host={EVIL}"},
)
"""What whoever replays a word tries to call us."""
Ask = Callable[[Mapping[str, str]], Awaitable[Answer]]


@frozen
class Face:
    """One way in: the path at which the club is sold, and how it is asked for."""

    path: str
    ask: Ask


@pytest.fixture
def reader() -> Wallet:
    """Give the wallet that has subscribed."""
    return Wallet()


@asynccontextmanager
async def club(reader: Wallet, **changes: Any) -> AsyncIterator[Shop]:
    """Serve a shop that sells a club of which the reader is a member."""
    sections = {"paywall": {"resources": GOLD}, "subscriptions": {"enabled": True}}
    async with open_shop(**{**sections, **changes}) as shop:
        await _join(shop, reader)
        yield shop


async def _join(shop: Shop, reader: Wallet) -> None:
    member = month_of("gold", str(reader.address), shop.clock.now())
    async with shop.gateway.store.begin() as unit:
        await unit.subscriptions.add(member)


def word(shop: Shop, reader: Wallet, url: str) -> dict[str, str]:
    """Have the reader sign that he wants in at an address."""
    text = f"access:{url}:{int(shop.clock.now().timestamp())}"
    signature = bytes(reader.keypair.sign_message(text.encode()))
    return {
        "X-Signer": str(reader.address),
        "X-Message": text,
        "X-Signature": base64.b64encode(signature).decode(),
    }


async def chapter(_: web.Request) -> web.StreamResponse:
    return web.json_response({"chapter": 1})


@asynccontextmanager
async def face(name: str, shop: Shop, public_url: str = "") -> AsyncIterator[Face]:
    """Give one of the ways in to a club; ``public_url`` is the host application's own."""
    if name == "gateway":
        path = "/paywall/gold"
        yield Face(path, lambda headers: shop.get(path, headers))
    elif name == "asgi":
        outer = PaywallMiddleware(
            _chapter, gateway=shop.gateway, resource="gold", public_url=public_url
        )
        yield Face("/chapter", lambda headers: _called(outer, headers))
    else:
        async with hosted(shop, _application(name, shop, public_url)) as host:
            yield Face("/chapter", lambda headers: host.get("/chapter", headers))


def _application(name: str, shop: Shop, public_url: str) -> web.Application:
    if name == "handler":
        app = web.Application()
        sold = paywalled("gold", gateway=shop.gateway, public_url=public_url)
        app.router.add_get("/chapter", sold(chapter))
        return app
    sells = paywall_middleware(lambda _: "gold", gateway=shop.gateway, public_url=public_url)
    app = web.Application(middlewares=[sells])
    app.router.add_get("/chapter", chapter)
    return app


async def _chapter(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b'{"chapter":1}'})


async def _called(app: App, headers: Mapping[str, str]) -> Answer:
    return answer_of(await called(app, scope_of(headers=headers)))


FACES = ("gateway", "handler", "middleware", "asgi")


class TestWords:
    @pytest.mark.parametrize("name", FACES)
    async def test_a_word_for_another_site_opens_nothing_whatever_we_are_called(
        self, name: str, reader: Wallet
    ) -> None:
        """It is replayed with the Host, and the forwarded one, for which it was signed."""
        async with (
            club(reader, server={"public_url": SHOP, "trusted_proxies": ["127.0.0.1"]}) as shop,
            face(name, shop) as way,
        ):
            for claim in CLAIMS:
                for scheme in ("http", "https"):
                    replayed = word(shop, reader, f"{scheme}://{EVIL}{way.path}")
                    said = await way.ask({**claim, **replayed})
                    assert said.status == 402, (claim, said.body)
                    assert EVIL not in str(said.required)

    @pytest.mark.parametrize("path", [".evil.example/", "@evil.example/", ":8@evil.example/"])
    async def test_a_path_is_no_part_of_our_host(self, path: str, reader: Wallet) -> None:
        """A word for a site whose name begins with ours is not taken for one for us."""
        async with club(reader, server={"public_url": SHOP}) as shop:
            outer = PaywallMiddleware(_chapter, gateway=shop.gateway, resource="gold")
            elsewhere = word(shop, reader, SHOP + path)
            said = answer_of(await called(outer, scope_of(path=path, headers=elsewhere)))
            assert said.status == 402
            assert said.required["resource"]["url"] == f"{SHOP}/{path}"

    @pytest.mark.parametrize("name", FACES)
    async def test_a_word_for_our_own_address_lets_in_by_any_host(
        self, name: str, reader: Wallet
    ) -> None:
        """Probes ask by a machine's address, and proxies send a host of theirs."""
        async with (
            club(reader, server={"public_url": SHOP}) as shop,
            face(name, shop) as way,
        ):
            for host in ("shop.example", "10.1.2.3:8080", EVIL):
                said = await way.ask({"Host": host, **word(shop, reader, SHOP + way.path)})
                assert said.status == 200, (host, said.body)

    @pytest.mark.parametrize("name", FACES[1:])
    async def test_a_host_application_has_an_address_of_its_own(
        self, name: str, reader: Wallet
    ) -> None:
        """A word for the gateway's is one for another site there."""
        async with (
            club(reader, server={"public_url": SHOP}) as shop,
            face(name, shop, "https://books.example, https://books.example.org") as way,
        ):
            own, other = "https://books.example", "https://books.example.org"
            at = {"Host": "books.example.org"}
            said = [
                await way.ask(word(shop, reader, own + way.path)),
                await way.ask({**at, **word(shop, reader, other + way.path)}),
                await way.ask({**at, **word(shop, reader, own + way.path)}),
                await way.ask(word(shop, reader, SHOP + way.path)),
            ]
            assert [each.status for each in said] == [200, 200, 402, 402]

    @pytest.mark.parametrize("name", FACES)
    async def test_where_nobody_knows_our_address_no_word_is_taken(
        self, name: str, reader: Wallet
    ) -> None:
        """The answer says why, so that a subscriber does not pay a second time."""
        async with (
            club(reader, logging={"environment": "staging"}) as shop,
            face(name, shop) as way,
        ):
            for host in (EVIL, "localhost", "127.0.0.1"):
                signed = word(shop, reader, f"http://{host}{way.path}")
                said = await way.ask({"Host": host, **signed})
                assert (said.status, said.code) == (403, "forbidden")
                assert "server.public_url" in said.body["error"]["message"]
            assert (await way.ask({})).status == 402

    @pytest.mark.parametrize("name", FACES)
    async def test_in_development_only_this_machine_is_believed(
        self, name: str, reader: Wallet
    ) -> None:
        """Another host's word is refused there too."""
        async with club(reader) as shop, face(name, shop) as way:
            scheme = "https" if name == "asgi" else "http"
            said = [
                await way.ask({"Host": host, **word(shop, reader, f"{scheme}://{host}{way.path}")})
                for host in ("localhost:8080", "127.0.0.1", EVIL)
            ]
            assert [each.status for each in said] == [200, 200, 403]


class TestOffers:
    @pytest.mark.parametrize("claim", CLAIMS)
    async def test_every_address_that_we_write_is_our_own(
        self, claim: Mapping[str, str], reader: Wallet
    ) -> None:
        """In offers of every version, carts, the page, its links and the agents' card."""
        server = {"public_url": SHOP, "trusted_proxies": ["127.0.0.1"]}
        async with club(reader, server=server) as shop:
            offered = await shop.get("/paywall/gold", claim)
            assert offered.required["resource"]["url"] == f"{SHOP}/paywall/gold"
            assert offered.body["accepts"][0]["resource"] == f"{SHOP}/paywall/gold"
            card = await shop.get("/.well-known/agent.json", claim)
            assert card.body["service_endpoint"] == SHOP
            page = await shop.get("/paywall/gold", {**claim, "Accept": "text/html"})
            quote = await shop.post("/paywall/v1/quote", {"resource": "gold"}, claim)
            for said in (offered, card, page, quote):
                assert EVIL not in str((said.body, said.required)).lower()

    @pytest.mark.parametrize("host", ["shop.example", "10.1.2.3:8080", EVIL])
    async def test_whoever_pays_is_served_whatever_he_calls_us(self, host: str) -> None:
        """As the official clients of both versions pay."""
        async with open_shop(server={"public_url": SHOP}) as shop:
            at = {"Host": host}
            for version in (1, 2):
                offer = (await shop.get("/paywall/article", at)).offer
                raw = shop.sign(shop.buyer(), offer)
                shown = v1_header(raw) if version == 1 else v2_header(raw, offer)
                paid = await shop.get("/paywall/article", {**at, **shown})
                assert paid.status == 200, (version, paid.body)
            assert shop.balance() == 2 * ARTICLE

    async def test_strangers_hosts_make_no_new_offers(self, reader: Wallet) -> None:
        """What is remembered for an address is remembered for ours: as many as we have."""
        async with club(reader, server={"public_url": f"{SHOP}, https://b.example"}) as shop:
            hosts = ["b.example", *(f"h{number}.example" for number in range(20))]
            offered = [await shop.get("/paywall/gold", {"Host": host}) for host in hosts]
        written = {each.body["accepts"][0]["resource"] for each in offered}
        assert written == {f"{SHOP}/paywall/gold", "https://b.example/paywall/gold"}
