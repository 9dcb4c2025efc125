"""The two shops of the guide sell their chapter by every rail, as somebody would run them."""

import asyncio
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
import yaml
from attrs import define, field
from solders.transaction import VersionedTransaction

from support.chain import USDC, Wallet, blockhash_of, funded, pay
from support.command import environment
from support.pages import DOCS, Page
from support.shop import Answer, v0_header, v1_header, v2_header
from support.waiting import until
from tillway.entrypoints.sandbox.chain import Chain, Served, serve_chain
from tillway.entrypoints.sandbox.clock import VirtualClock
from tillway.entrypoints.sandbox.stripe import Served as ServedStripe
from tillway.entrypoints.sandbox.stripe import serve_stripe

GUIDE: Final = Page(DOCS / "how-to" / "sell-your-own-pages.md")
TEXT: Final = "It was a dark and stormy night."
PRICE: Final = 50_000
SECRET: Final = "whsec_0123456789abcdef0123456789abcdef"


def block(name: str) -> str:
    """Give the file of that name that stands on the page."""
    named = [each.code for each in GUIDE.blocks() if re.match(rf"# {name}\n", each.code)]
    (code,) = named
    return code


@define
class Books:
    """A shop that runs, and the world around it."""

    url: str
    gateway: str
    chain: Chain
    stripe: ServedStripe
    merchant: Wallet
    sponsor: Wallet
    http: aiohttp.ClientSession = field(repr=False)

    async def chapter(self, headers: Mapping[str, str] | None = None) -> Answer:
        """Ask for the chapter."""
        async with self.http.get(f"{self.url}/chapter", headers=headers) as answer:
            return Answer(answer.status, await answer.json(), answer.headers)

    async def asked(self, method: str, path: str, body: object = None) -> Answer:
        """Ask the gateway's own routes."""
        url = f"{self.gateway}{path}"
        async with self.http.request(method, url, json=body) as answer:
            return Answer(answer.status, await answer.json(), answer.headers)

    def signed(self, offer: Mapping[str, Any]) -> bytes:
        """Sign what an offer wants, its fee paid by the shop."""
        buyer = funded(self.chain, usdc=PRICE, sol=0)
        made: VersionedTransaction = pay(
            buyer,
            self.merchant.address,
            PRICE,
            blockhash_of(self.chain),
            note=offer["extra"]["memo"],
            fee_payer=self.sponsor.address,
        )
        return bytes(made)

    async def session(self) -> str:
        """Pay by card on the provider's page."""
        opened = await self.asked("POST", "/paywall/v1/stripe-session", {"resource": "chapter"})
        assert opened.status == 200, opened.body
        url = f"{opened.body['url']}/pay"
        async with self.http.post(url, allow_redirects=False) as paid:
            assert paid.status == 303
        await self.stripe.delivered()
        return str(opened.body["sessionId"])


def free_port() -> int:
    """Find a port that nobody has."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def settings(node: Served, stripe: ServedStripe, merchant: Wallet) -> str:
    """Give the page's settings, for the sandbox's chain and Stripe in place of the real ones."""
    sections = yaml.safe_load(block("tillway.yaml"))
    sections["logging"] = {"environment": "development", "level": "error"}
    sections["x402"] |= {
        "payment_address": str(merchant.address),
        "token_mint": str(USDC.mint),
        "network": "devnet",
        "rpc_url": node.rpc_url,
        "ws_url": node.ws_url,
        "gasless_enabled": True,
    }
    sections["stripe"] |= {
        "secret_key": stripe.secret_key,
        "webhook_secret": SECRET,
        "api_base": stripe.url,
    }
    return yaml.safe_dump(sections)


APPS: Final = {
    "aiohttp": ("books.py", ("books.py",), "/pay"),
    "fastapi": ("books_asgi.py", ("-m", "uvicorn", "books_asgi:app", "--port", "{port}"), ""),
}


@pytest.fixture(params=APPS)
async def books(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Books]:
    file, command, mount = APPS[request.param]
    clock = VirtualClock()
    chain = Chain(clock=clock.seconds, confirm_delay_ms=20)
    merchant, sponsor = funded(chain), funded(chain, sol=10)
    async with serve_chain(chain) as node, serve_stripe() as stripe:
        (tmp_path / "tillway.yaml").write_text(settings(node, stripe, merchant))
        (tmp_path / file).write_text(block(file))
        port, beside = free_port(), free_port()
        gateway = f"http://127.0.0.1:{port}{mount}" if mount else f"http://127.0.0.1:{beside}"
        stripe.listen(f"{gateway}/webhook/stripe", SECRET)
        variables = {
            "PORT": str(port),
            "GATEWAY_PORT": str(beside),
            "X402_SERVER_WALLET_1": str(sponsor.keypair),
        }
        arguments = [part.format(port=port) for part in command]
        async with running(tmp_path, arguments, port, variables), aiohttp.ClientSession() as http:
            yield Books(
                url=f"http://127.0.0.1:{port}",
                gateway=gateway,
                chain=chain,
                stripe=stripe,
                merchant=merchant,
                sponsor=sponsor,
                http=http,
            )


@asynccontextmanager
async def running(
    folder: Path, arguments: list[str], port: int, variables: Mapping[str, str]
) -> AsyncIterator[None]:
    """Run a shop until the block ends, from the moment on that it listens."""
    log = (folder / "log").open("wb")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        cwd=folder,
        env=environment(**variables, NO_PROXY="127.0.0.1"),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
    )

    async def listens() -> bool:
        assert process.returncode is None, (folder / "log").read_text()
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        writer.close()
        await writer.wait_closed()
        return True

    try:
        await until(listens)
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        ended = await process.wait()
        log.close()
    assert ended in (0, -signal.SIGTERM), (folder / "log").read_text()


class TestBothShops:
    async def test_they_sell_by_every_rail(self, books: Books) -> None:
        """Stablecoins in versions 0, 1 and 2, and a card; each buyer gets the chapter."""
        asked = await books.chapter()
        assert (asked.status, TEXT in str(asked.body)) == (402, False)

        session = {"X-Stripe-Session": await books.session()}
        by = [
            await books.chapter(v2_header(books.signed(asked.offer), asked.offer)),
            await books.chapter(v1_header(books.signed((await books.chapter()).offer))),
            await books.chapter(await self.oldest(books)),
            await books.chapter(session),
        ]
        again = await books.chapter(session)
        forged = await books.chapter({"X-Stripe-Session": "cs_test_of_nobody_at_all"})

        assert [each.status for each in by] == [200] * 4
        assert [each.body["paid by"] for each in by] == ["x402", "x402", "x402", "stripe"]
        assert all(each.body["text"] == TEXT for each in by)
        assert all(each.receipt["success"] for each in by[:3])
        assert books.merchant.balance(books.chain) == 3 * PRICE
        assert (again.status, again.body) == (200, by[3].body)
        assert (forged.status, forged.code) == (404, "session_not_found")

    async def oldest(self, books: Books) -> dict[str, str]:
        """Pay as clients of the Cedros server do."""
        quoted = await books.asked("POST", "/paywall/v1/quote", {"resource": "chapter"})
        offer = quoted.body["accepts"][0]
        raw = books.signed(offer)
        sponsor, sealed = offer["extra"]["feePayer"], offer["extra"]["quote"]
        return v0_header(raw, "chapter", feePayer=sponsor, metadata={"quote": sealed})
