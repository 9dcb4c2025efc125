"""The same around ASGI applications, called as servers call them."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from attrs import define, field

from support.hosts import Counter, Said, answer_of, called, scope_of
from support.shop import ARTICLE, Answer, Shop, open_shop, v2_header
from support.untouched import untouched
from tillway.entrypoints import PaywallMiddleware
from tillway.entrypoints.paywall.asgi import ADMITTED, App, Message, Receive, Scope, Send
from tillway.entrypoints.paywall.once import KEPT_BYTES

PREFLIGHT: Mapping[str, str] = {
    "Origin": "https://reader.example",
    "Access-Control-Request-Method": "GET",
}


@define
class Chapters:
    """An ASGI application that sends chapters, in as many parts as it is told."""

    counter: Counter
    parts: int = 1
    padding: bytes = b""
    halfway: bool = False
    said: list[Any] = field(factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the body that came and a chapter."""
        self.counter.seen.append(scope[ADMITTED] if ADMITTED in scope else scope["type"])
        self.said.append(await receive())
        text = (await self.counter.run()).encode()
        headers = [(b"content-type", b"text/plain"), (b"Cache-Control", b"public")]
        start = {"type": "http.response.start", "status": self.counter.status, "headers": headers}
        await send(start)
        for number in range(self.parts):
            more = number + 1 < self.parts
            body = text + self.padding
            await send({"type": "http.response.body", "body": body, "more_body": more})
            if self.halfway:
                raise ConnectionResetError


@define
class Books:
    """The application behind its paywall."""

    shop: Shop
    inner: Chapters
    outer: App

    async def get(self, headers: Mapping[str, str] | None = None, **more: Any) -> Answer:
        """GET the chapter."""
        return answer_of(await self.said(headers, **more))

    async def said(self, headers: Mapping[str, str] | None = None, **more: Any) -> Said:
        """GET the chapter and give every message."""
        return await called(self.outer, scope_of(headers=headers, **more))

    async def header(self, **more: Any) -> dict[str, str]:
        """Sign a payment for what is offered."""
        asked = await self.get(**more)
        return v2_header(self.shop.sign(self.shop.buyer(), asked.offer), asked.offer)


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with open_shop() as made:
        yield made


@pytest.fixture
def books(shop: Shop) -> Books:
    inner = Chapters(Counter())
    return Books(shop, inner, PaywallMiddleware(inner, gateway=shop.gateway, resource="article"))


class TestAsgi:
    async def test_nothing_is_given_before_it_is_paid(self, books: Books) -> None:
        """The address of the offer is the one that the client asked for."""
        asked = await books.get()

        assert asked.status == 402
        assert asked.required["resource"]["url"] == "https://books.example/chapter"
        assert books.inner.counter.runs == 0

    async def test_whoever_pays_gets_the_applications_answer(self, books: Books) -> None:
        """With the receipt, and for no shared cache."""
        said = await books.said(await books.header())

        answer = answer_of(said)
        assert (answer.status, answer.body) == (200, "chapter 1")
        assert answer.receipt["success"]
        assert answer.headers["Cache-Control"] == "private"
        assert books.shop.balance() == ARTICLE
        assert books.inner.counter.seen[0].method == "x402"

    async def test_it_runs_once_a_payment(self, books: Books) -> None:
        """Repeats, many at once too, get the same answer."""
        books.inner.counter.slow = 0.2
        header = await books.header()
        answers = await asyncio.gather(*(books.get(header) for _ in range(5)))

        assert {(each.status, each.body) for each in answers} == {(200, "chapter 1")}
        assert books.inner.counter.runs == 1

    async def test_a_stream_is_passed_on_part_by_part(self, books: Books) -> None:
        """And kept whole if it is short."""
        books.inner.parts = 3
        header = await books.header()
        first, again = await books.said(header), await books.said(header)

        assert [len(each["body"]) for each in first.messages[1:]] == [9, 9, 9]
        assert again.body == first.body
        assert books.inner.counter.runs == 1

    async def test_what_is_too_long_is_repeated_as_the_grant(self, books: Books) -> None:
        """Nothing of it is held in memory either."""
        books.inner.padding = b"x" * KEPT_BYTES
        header = await books.header()
        first, again = await books.said(header), await books.get(header)

        assert len(first.body) > KEPT_BYTES
        assert again.body["granted"] is True
        assert books.inner.counter.runs == 1

    async def test_an_answer_that_broke_off_is_made_good(self, books: Books) -> None:
        """Half of it is nothing."""
        books.inner.parts, books.inner.halfway = 2, True
        header = await books.header()
        with pytest.raises(ConnectionResetError):
            await books.get(header)
        books.inner.parts, books.inner.halfway = 1, False
        async with untouched(books.shop):
            again = await books.get(header)

        assert (again.status, again.body) == (200, "chapter 2")

    async def test_a_failed_answer_is_made_good(self, books: Books) -> None:
        """An error has delivered nothing."""
        books.inner.counter.status = 500
        header = await books.header()
        failed = await books.get(header)
        books.inner.counter.status = 200
        again = await books.get(header)

        assert (failed.status, again.status, again.body) == (500, 200, "chapter 2")

    async def test_it_may_run_again_if_it_says_so(self, books: Books) -> None:
        """For what is too long to be kept."""
        books.outer = PaywallMiddleware(
            books.inner, gateway=books.shop.gateway, resource="article", again=True
        )
        header = await books.header()
        answers = [await books.get(header) for _ in range(2)]

        assert [each.body for each in answers] == ["chapter 1", "chapter 2"]

    async def test_the_body_is_read_once_and_given_on(self, books: Books) -> None:
        """In one piece, and what comes afterwards as it comes."""
        asked = await self.post(books, {}, b"m", b"ine")
        raw = books.shop.sign(books.shop.buyer(), asked.offer)
        header = v2_header(raw, asked.offer)
        paid = await self.post(books, header, b"mi", b"ne")
        other = await self.post(books, header, b"thine")

        assert (paid.status, other.status) == (200, 402)
        (message,) = books.inner.said
        assert message["body"] == b"mine"

    async def post(self, books: Books, headers: Mapping[str, str], *parts: bytes) -> Answer:
        """POST a body in parts."""
        messages: list[Message] = [
            {"type": "http.request", "body": each, "more_body": True} for each in parts
        ]
        messages[-1]["more_body"] = False
        return answer_of(await called(books.outer, scope_of("POST", headers=headers), *messages))

    async def test_a_body_has_a_bound(self, books: Books) -> None:
        """A mebibyte, unless told otherwise."""
        part: Message = {"type": "http.request", "body": b"x" * 600_000, "more_body": True}
        said = await called(books.outer, scope_of("POST"), dict(part), dict(part))
        assert (said.status, books.inner.counter.runs) == (413, 0)

    async def test_a_client_that_left_gets_nothing(self, books: Books) -> None:
        """And pays nothing."""
        async with untouched(books.shop):
            said = await called(books.outer, scope_of(), {"type": "http.disconnect"})
        assert said.messages == []

    async def test_a_function_says_what_is_sold(self, books: Books) -> None:
        """What it knows no product for is free, and reaches the application untouched."""

        async def resource(scope: Scope) -> str | None:
            return {"/chapter": "article"}.get(scope["path"])

        books.outer = PaywallMiddleware(books.inner, gateway=books.shop.gateway, resource=resource)
        free = await books.get(path="/free")
        asked = await books.get()

        assert (free.status, asked.status) == (200, 402)
        assert books.inner.counter.seen == ["http"]

    async def test_a_web_socket_is_no_way_around(self, books: Books) -> None:
        """It cannot pay, and is closed before it is accepted."""
        scope = scope_of(type="websocket")
        said = await called(books.outer, scope, {"type": "websocket.connect"})

        assert [each["type"] for each in said.messages] == ["websocket.close"]
        assert books.inner.counter.runs == 0

    async def test_a_preflight_and_the_lifespan_pass(self, books: Books) -> None:
        """They are not for sale."""
        await called(books.outer, scope_of("OPTIONS", headers=PREFLIGHT))
        await called(books.outer, {"type": "lifespan"}, {"type": "lifespan.startup"})
        assert books.inner.counter.seen == ["http", "lifespan"]

    async def test_whoever_pretends_to_be_one_gets_nothing(self, books: Books) -> None:
        """An application that answers every method alike would have sold for nothing."""
        bare = answer_of(await called(books.outer, scope_of("OPTIONS")))
        dressed = answer_of(await called(books.outer, scope_of("OPTIONS", headers=PREFLIGHT)))

        assert bare.status == 402
        assert (dressed.status, dressed.body) == (200, "")

    def test_it_knows_no_framework(self) -> None:
        """Neither this module nor what it is made of imports one."""
        code = "import sys, tillway.entrypoints.paywall.asgi\nprint(*sys.modules)"
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        assert {"starlette", "fastapi", "uvicorn"}.isdisjoint(done.stdout.split())
