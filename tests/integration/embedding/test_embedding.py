"""A gateway within somebody else's application."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from aiohttp import web
from attrs import define, field
from solders.keypair import Keypair

from support.chain import USDC, Wallet, blockhash_of, funded, pay
from support.command import FIAT, environment
from support.shop import settings_text, v2_header
from tillway.adapters.stores.memory.store import MemoryStore
from tillway.core.catalog import Product
from tillway.core.errors import Declined, Unavailable
from tillway.core.observations import Observation
from tillway.core.payments import Purchase
from tillway.core.ports.rails import Destination, Offer, Shown
from tillway.core.quotes import Purpose, Quote
from tillway.core.tenancy import DEFAULT
from tillway.entrypoints import Configured, Gateway, create_app, load_config, register_routes
from tillway.entrypoints.configuration import configure
from tillway.entrypoints.sandbox.chain import Chain, serve_chain
from tillway.entrypoints.sandbox.clock import VirtualClock
from tillway.plugins.api import Answer, Api, Route

SOON = 10.0  # seconds that nothing here should take
MUG = Purchase(tenant=DEFAULT, purpose=Purpose.PURCHASE, resource="mug")


def configured(**storage: object) -> Configured:
    """Give settings without rails; the store is in memory unless told otherwise."""
    sections = {**FIAT, "storage": storage or {"backend": "memory"}}
    return configure(yaml.safe_dump(sections), {})


@define(eq=False)
class Diary:
    """What happened to the parts, in order."""

    entries: list[str] = field(factory=list)


@define(eq=False)
class DiaryStore(MemoryStore):
    """A host's own store."""

    diary: Diary = field(kw_only=True)
    fault: Exception | None = field(default=None, kw_only=True)

    async def start(self) -> None:
        """Open, or fail."""
        self.diary.entries.append("store opens")
        if self.fault:
            raise self.fault
        await super().start()

    async def aclose(self) -> None:
        """Close."""
        self.diary.entries.append("store closes")
        await super().aclose()


@define(eq=False)
class Barter:
    """A host's own rail: it takes goods for goods."""

    diary: Diary
    fault: BaseException | None = None
    slow: bool = False
    name: str = "barter"
    method: str = "barter"

    def sells(self, product: Product) -> Destination | None:
        """Take its price in fiat, in goods."""
        if product.fiat_price is None:
            return None
        return Destination(network="market", pay_to="the host", price=product.fiat_price)

    def offer(self, quote: Quote, sealed: str, authenticator: str, shown: Shown) -> Offer:
        """Ask for goods."""
        return Offer(rail=self.name, quote=quote, accepts={2: [{"scheme": "barter"}]})

    async def start(self) -> None:
        """Open the market, or fail."""
        self.diary.entries.append("rail opens")
        if self.slow:
            await asyncio.Event().wait()
        if self.fault:
            raise self.fault

    async def aclose(self) -> None:
        """Close it."""
        self.diary.entries.append("rail closes")


@asynccontextmanager
async def served(host: web.Application) -> AsyncIterator[str]:
    """Serve a host's application."""
    runner = web.AppRunner(host, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def got(url: str, headers: dict[str, str] | None = None) -> tuple[int, Any, Any]:
    """GET: status, body, headers."""
    async with aiohttp.ClientSession() as http, http.get(url, headers=headers) as response:
        plain = response.content_type == "text/plain"
        body = await response.text() if plain else await response.json()
        return response.status, body, response.headers


async def hello(_: web.Request) -> web.Response:
    """Answer for the host itself."""
    return web.json_response("hello")


def others() -> set["asyncio.Task[Any]"]:
    """Give all tasks but this one and those of connections to test servers."""
    return {
        task
        for task in asyncio.all_tasks()
        if task is not asyncio.current_task() and "RequestHandler" not in repr(task)
    }


def open_files() -> set[str]:
    """Name what this process has open."""
    folder = Path("/proc/self/fd")
    return {os.readlink(each) for each in folder.iterdir() if each.exists()}


class TestImporting:
    def test_costs_next_to_nothing(self, tmp_path: Path) -> None:
        """Web server and YAML come with the first use; no module is opened or configured."""
        script = (
            "import sys; before = set(sys.modules); import tillway.entrypoints\n"
            "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
        )
        done = subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            check=True,
            cwd=tmp_path,
            env=environment(),
        )
        assert not {"aiohttp", "yaml", "attrs", "solders", "stripe"} & set(done.stdout.split())

    def test_an_unknown_name_is_unknown(self) -> None:
        """As in any module."""
        with pytest.raises(ImportError, match="pay_everybody"):
            from tillway.entrypoints import pay_everybody  # type: ignore[attr-defined]  # noqa: F401 - it must fail


class TestMounting:
    async def test_under_a_path_of_the_host(self) -> None:
        """Its routes are found there, the host's own stay where they are."""
        host = web.Application()
        host.router.add_get("/", hello)
        gateway = create_app(configured())
        host.add_subapp("/pay", gateway.web)
        async with served(host) as address:
            assert (await got(f"{address}/"))[1] == "hello"
            status, body, _ = await got(f"{address}/pay/paywall/v1/products")
            assert (status, body["products"][0]["id"]) == (200, "mug")
            assert (await got(f"{address}/paywall/v1/products"))[0] == 404

    async def test_register_routes_does_the_same(self) -> None:
        """The path is the host's to choose."""
        host = web.Application()
        register_routes(host, create_app(configured()), "/till")
        async with served(host) as address:
            assert (await got(f"{address}/till/paywall/v1/products"))[0] == 200

    async def test_two_gateways_do_not_meet(self) -> None:
        """Each has its own store and services."""
        host = web.Application()
        first, second = create_app(configured()), create_app(configured())
        register_routes(host, first, "/first")
        register_routes(host, second, "/second")
        async with served(host) as address:
            assert first.store is not second.store
            for path in ("first", "second"):
                assert (await got(f"{address}/{path}/paywall/v1/products"))[0] == 200

    async def test_a_purchase_through_the_host(self) -> None:
        """With a real transfer; the offer names the address under the host's path."""
        chain = Chain(clock=VirtualClock().seconds, confirm_delay_ms=20)
        merchant, sponsor, buyer = funded(chain), funded(chain, sol=10), funded(chain, 1_000_000)
        async with serve_chain(chain) as node:
            wallet = {"X402_SERVER_WALLET_1": str(sponsor.keypair)}
            gateway = create_app(configure(settings_text(node, merchant), wallet))
            host = web.Application()
            register_routes(host, gateway)
            async with served(host) as address:
                url = f"{address}/pay/paywall/article"
                status, body, _ = await bought(url, chain, merchant, sponsor, buyer)
        assert (status, body["granted"]) == (200, True)
        assert merchant.balance(chain) == 50_000


async def bought(
    url: str, chain: Chain, merchant: Wallet, sponsor: Wallet, buyer: Wallet
) -> tuple[int, Any, Any]:
    """Buy with x402 version 2."""
    import base64
    import json

    _, _, headers = await got(url)
    required = json.loads(base64.b64decode(headers["PAYMENT-REQUIRED"]))
    assert required["resource"]["url"] == url
    offer = required["accepts"][0]
    signed = pay(
        buyer,
        merchant.address,
        int(offer["amount"]),
        blockhash_of(chain),
        note=offer["extra"]["memo"],
        fee_payer=sponsor.address,
    )
    return await got(url, v2_header(bytes(signed), offer))


class TestServices:
    async def test_they_are_attributes(self) -> None:
        """A host may price, sell and look up without HTTP."""
        gateway = create_app(configured(), rails=[Barter(Diary())])
        await gateway.open()
        quoted = await gateway.quote.quote(MUG, "https://shop.example/mug")
        assert [offer.rail for offer in quoted.offers] == ["barter"]
        assert quoted.product == await gateway.catalogue.product(DEFAULT, quoted.product.id)
        assert [rail.name for rail in gateway.rails.all] == ["barter"]
        assert gateway.settle.running == 0
        listed = (await gateway.shop.price_list(DEFAULT)).products
        assert [each.product for each in listed] == [quoted.product]
        await gateway.aclose()

    async def test_settings_come_from_a_file(self, tmp_path: Path) -> None:
        """As the command line reads them."""
        (tmp_path / "tillway.yaml").write_text(yaml.safe_dump(dict(FIAT)))
        gateway = create_app(load_config(tmp_path / "tillway.yaml"), store=MemoryStore())
        await gateway.open()
        assert (await gateway.catalogue.products(DEFAULT))[0].id == "mug"
        await gateway.aclose()
        assert not (tmp_path / "tillway.db").exists()


class TestPorts:
    async def test_parts_of_the_host_are_used(self) -> None:
        """Its store, rail, clock, observers and faces."""
        diary, clock, seen = Diary(), VirtualClock(), list[Observation]()
        clock.forward(timedelta(days=365))
        store, rail = DiaryStore(diary=diary), Barter(diary)
        gateway = create_app(
            configured(),
            store=store,
            rails=[rail],
            clock=clock,
            observers=[seen.append],
            apis=[Api(name="host", routes=lambda _: [_greeting()])],
        )
        assert gateway.store is store
        async with served(gateway.web) as address:
            assert (await got(f"{address}/hello"))[1] == "hello"
            quoted = await gateway.quote.quote(MUG, "https://shop.example/mug")
            assert quoted.offers[0].quote.expires_at > clock.seconds()
            gateway.services.observe(_seen())
        assert seen[-1] == _seen()
        assert diary.entries == ["store opens", "rail opens", "rail closes", "store closes"]

    async def test_a_rail_of_the_host_needs_no_extra(self) -> None:
        """What the settings name is not built when the host brings it."""
        text = yaml.safe_dump({**FIAT, "x402": _x402(), "storage": {"backend": "memory"}})
        gateway = create_app(configure(text, {}), rails=[])
        assert gateway.rails.all == ()


def _x402() -> dict[str, object]:
    return {
        "payment_address": str(Keypair().pubkey()),
        "token_mint": str(USDC.mint),
        "network": "devnet",
    }


def _seen() -> Observation:
    from tillway.core.observations import PaymentStarted

    return PaymentStarted(method="barter", resource="mug")


def _greeting() -> Route:
    return Route(
        method="GET",
        path="/hello",
        handler=hello,
        name="hello",
        summary="Greets.",
        answers=[Answer(status=200, description="A greeting.")],
    )


class TestClosing:
    @pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="files are counted in /proc")
    async def test_nothing_is_left(self, tmp_path: Path) -> None:
        """No task, no thread, no socket, no file; neither of SQLite nor of the rail."""
        chain = Chain(clock=VirtualClock().seconds, confirm_delay_ms=20)
        merchant, sponsor, buyer = funded(chain), funded(chain, sol=10), funded(chain, 1_000_000)
        async with serve_chain(chain) as node:
            await got(node.rpc_url)  # the resolver's thread, which the loop keeps
            storage = {"backend": "file", "file_path": str(tmp_path / "tillway.db")}
            text = settings_text(node, merchant, storage=storage)
            before = others(), set(threading.enumerate()), open_files()
            wallet = {"X402_SERVER_WALLET_1": str(sponsor.keypair)}
            gateway = create_app(configure(text, wallet))
            async with served(gateway.web) as address:
                url = f"{address}/paywall/article"
                assert (await bought(url, chain, merchant, sponsor, buyer))[0] == 200
                assert others() > before[0]
            assert others() == before[0]
            # The loop's own threads for files are not the gateway's.
            threads = {each.name for each in set(threading.enumerate()) - before[1]}
            assert not [name for name in threads if not name.startswith("asyncio_")]
            assert not [name for name in open_files() - before[2] if "tillway" in name]

    async def test_closing_twice_is_closing_once(self) -> None:
        """And closing what was never opened is nothing."""
        diary = Diary()
        gateway = create_app(configured(), store=DiaryStore(diary=diary), rails=[Barter(diary)])
        await gateway.open()
        await gateway.open()
        await asyncio.gather(gateway.aclose(), gateway.aclose())
        await gateway.aclose()
        assert diary.entries == ["store opens", "rail opens", "rail closes", "store closes"]
        await create_app(configured()).aclose()

    async def test_what_was_closed_is_not_opened_again(self) -> None:
        """Its connections are gone for good: that is said, instead of failing later."""
        gateway = create_app(configured())
        await gateway.open()
        await gateway.aclose()
        with pytest.raises(RuntimeError, match="make another"):
            await gateway.open()

    @pytest.mark.parametrize("part", ["store", "rail"])
    async def test_a_part_that_fails_leaves_nothing_open(self, part: str) -> None:
        """What was opened before it is closed again, in reverse order."""
        diary, fault = Diary(), Unavailable(message="away")
        store = DiaryStore(diary=diary, fault=fault if part == "store" else None)
        rail = Barter(diary, fault=fault if part == "rail" else None)
        gateway = create_app(configured(), store=store, rails=[rail])
        before = others()
        with pytest.raises(Unavailable, match="away"):
            await gateway.open()
        rails = ["rail opens", "rail closes"] if part == "rail" else []
        assert diary.entries == ["store opens", *rails, "store closes"]
        assert others() == before

    async def test_a_host_that_fails_to_start_leaves_nothing_open(self) -> None:
        """The application's own start is where it is noticed."""
        diary = Diary()
        rail = Barter(diary, fault=Unavailable(message="away"))
        host = web.Application()
        register_routes(host, create_app(configured(), rails=[rail], store=DiaryStore(diary=diary)))
        with pytest.raises(Unavailable, match="away"):
            async with served(host):
                pass
        assert diary.entries == ["store opens", "rail opens", "rail closes", "store closes"]

    async def test_who_gives_up_while_it_opens_leaves_nothing_open(self) -> None:
        """A cancellation is a failure like any other."""
        diary = Diary()
        rail = Barter(diary, slow=True)
        gateway = create_app(configured(), store=DiaryStore(diary=diary), rails=[rail])
        opening = asyncio.create_task(gateway.open())
        await asyncio.sleep(0.05)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        assert diary.entries == ["store opens", "rail opens", "rail closes", "store closes"]


class TestWorkers:
    async def test_the_host_may_run_them(self) -> None:
        """They end with its own group of tasks, when that is cancelled."""
        gateway = create_app(configured(), background=False)
        await gateway.open()

        async def host() -> None:
            async with asyncio.TaskGroup() as group:
                for work in gateway.workers():
                    group.create_task(work)

        running = asyncio.create_task(host())
        await asyncio.sleep(0.05)
        assert not running.done()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(running, SOON)
        await gateway.aclose()

    async def test_without_background_none_runs(self) -> None:
        """Only what a process that takes payments cannot do without."""
        counts = []
        for background in (True, False):
            gateway = create_app(configured(), background=background)
            before = others()
            async with served(gateway.web):
                counts.append(len(others() - before))
        with_background, without = counts
        works = gateway.workers()
        assert with_background - without == len(works)
        _discard(works)

    async def test_a_mistake_in_one_does_not_end_it(self) -> None:
        """It is logged, and the work goes on."""
        diary = Diary()
        store = DiaryStore(diary=diary)
        clock = VirtualClock()
        gateway = create_app(configured(), store=store, clock=clock, background=False)
        await gateway.open()
        works = gateway.workers()
        await store.aclose()
        tasks = [asyncio.create_task(work) for work in works]
        for _ in range(3):
            await asyncio.sleep(0.02)
            clock.forward(timedelta(seconds=15))
        assert not any(task.done() for task in tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await gateway.aclose()


def _discard(works: Sequence[Any]) -> None:
    for work in works:
        work.close()


class TestSettings:
    async def test_what_cannot_be_joined_is_refused_at_once(self) -> None:
        """Before anything is opened."""
        with pytest.raises(ValueError, match="same name"):
            create_app(configured(), rails=[Barter(Diary()), Barter(Diary())])

    async def test_a_gateway_without_rails_sells_nothing(self) -> None:
        """It says which methods there are, and none fits."""
        gateway: Gateway = create_app(configured(), rails=[])
        await gateway.open()
        with pytest.raises(Declined, match="invalid_resource"):
            await gateway.quote.quote(MUG, "https://shop.example/mug")
        await gateway.aclose()
