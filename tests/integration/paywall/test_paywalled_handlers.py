"""Handlers of a host's own that are sold: paid before a byte, and run once a payment."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web
from attrs import define, frozen
from multidict import CIMultiDict

from support.hosts import Counter, header_for, hosted, old_header_for
from support.refunds import Bought, execute, root
from support.shop import (
    ARTICLE,
    BOOK,
    Shop,
    another_gateway,
    open_shop,
    signature_of,
    v1_header,
    v2_header,
)
from support.untouched import is_offered_anew, untouched
from tillway.core.contracts.counts import FULL
from tillway.core.errors import Unavailable
from tillway.core.payments import State
from tillway.entrypoints import ADMITTED, GATEWAY, paywall_middleware, paywalled
from tillway.entrypoints.paywall.once import KEPT_BYTES


@frozen
class Books:
    """A host that sells chapters: the shop as seen there, and what its handlers did."""

    shop: Shop
    host: Shop
    counter: Counter


def resource_of(request: web.Request) -> str | None:
    """Sell what is asked for in the query, or nothing."""
    return request.query.get("sold")


async def resource_later(request: web.Request) -> str | None:
    """Do the same after looking it up somewhere."""
    await asyncio.sleep(0)
    return request.query.get("sold")


def application(shop: Shop, counter: Counter) -> web.Application:
    """Make the host's application."""

    async def chapter(request: web.Request) -> web.StreamResponse:
        counter.seen.append(request[ADMITTED])
        said = {"Set-Cookie": "seat=7", "X-Chapter": "one", "Cache-Control": "public"}
        return web.Response(text=await counter.run(), status=counter.status, headers=said)

    async def streamed(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers=dict(request[ADMITTED].headers))
        await response.prepare(request)
        await response.write((await counter.run()).encode())
        return response

    async def moved(_: web.Request) -> web.StreamResponse:
        await counter.run()
        raise web.HTTPFound("/elsewhere")

    async def long(_: web.Request) -> web.StreamResponse:
        await counter.run()
        return web.Response(body=b"x" * (KEPT_BYTES + 1))

    async def echoed(request: web.Request) -> web.StreamResponse:
        return web.Response(body=await request.read() + (await counter.run()).encode())

    async def free(_: web.Request) -> web.StreamResponse:
        return web.Response(text="a taste")

    app = web.Application(client_max_size=1000)
    app[GATEWAY] = shop.gateway
    sold = paywalled("article")
    app.router.add_get("/chapter", sold(chapter))
    app.router.add_get("/again", paywalled("article", gateway=shop.gateway, again=True)(chapter))
    app.router.add_get("/chosen", paywalled(resource_of)(chapter))
    app.router.add_get("/chosen-later", paywalled(resource_later)(chapter))
    app.router.add_get("/streamed", sold(streamed))
    app.router.add_get("/moved", sold(moved))
    app.router.add_get("/long", sold(long))
    app.router.add_post("/echoed", sold(echoed))
    app.router.add_options("/chapter", sold(free))
    app.router.add_route("*", "/any", sold(chapter))
    app.router.add_get("/free", free)
    return app


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with open_shop() as made:
        yield made


@pytest.fixture
async def books(shop: Shop) -> AsyncIterator[Books]:
    counter = Counter()
    async with hosted(shop, application(shop, counter)) as host:
        yield Books(shop, host, counter)


class TestPaying:
    async def test_nothing_is_given_before_it_is_paid(self, books: Books) -> None:
        """The offers of every version are what an unpaid request gets; the handler does not run."""
        asked = await books.host.get("/chapter")

        assert asked.status == 402
        assert asked.required["resource"]["url"] == f"{books.host.address}/chapter"
        assert is_offered_anew(asked, "")
        assert books.counter.runs == 0

    async def test_whoever_pays_gets_the_handlers_answer(self, books: Books) -> None:
        """With the receipt on it, and never for a cache that others share."""
        header = await header_for(books.host, "/chapter")
        answer = await books.host.get("/chapter", header)

        (payment,) = await books.shop.payments()
        assert (answer.status, answer.body) == (200, "chapter 1")
        assert answer.receipt["success"]
        assert answer.receipt["transaction"] == payment.signature
        assert answer.headers["Cache-Control"] == "private"
        assert books.shop.balance() == ARTICLE

    async def test_every_dialect_pays(self, books: Books) -> None:
        """Versions 0, 1 and 2, each with its own receipt."""
        asked = await books.host.get("/chapter")
        first = await books.host.get(
            "/chapter", v1_header(books.shop.sign(books.shop.buyer(), asked.offer))
        )
        oldest = await books.host.get(
            "/chapter", await old_header_for(books.host, "/chapter", "article")
        )

        assert (first.status, first.receipt["success"]) == (200, True)
        assert (oldest.status, oldest.receipt["success"]) == (200, True)
        assert "txHash" in oldest.receipt
        assert books.shop.balance() == 2 * ARTICLE

    async def test_the_handler_learns_who_paid(self, books: Books) -> None:
        """The payment is settled by then."""
        buyer = books.shop.buyer()
        await books.host.get("/chapter", await header_for(books.host, "/chapter", buyer))

        (admitted,) = books.counter.seen
        assert (admitted.method, admitted.payer) == ("x402", str(buyer.address))
        assert admitted.payment.state is State.SETTLED

    @pytest.mark.parametrize("path", ["/chosen", "/chosen-later"])
    async def test_the_request_may_say_what_is_sold(self, books: Books, path: str) -> None:
        """By a function, or a coroutine; a payment for one thing does not buy another."""
        header = await header_for(books.host, f"{path}?sold=book")
        async with untouched(books.shop):
            other = await books.host.get(f"{path}?sold=course", header)
        bought = await books.host.get(f"{path}?sold=book", header)

        assert other.status in (400, 402)
        assert bought.status == 200
        assert books.shop.balance() == BOOK

    async def test_the_query_may_name_a_coupon(self, books: Books) -> None:
        """As it may at the gateway's own address."""
        asked = await books.host.get("/chapter?couponCode=HALF")
        assert int(asked.offer["amount"]) == 30_000  # a half, in whole cents

    async def test_what_costs_nothing_is_given(self, books: Books) -> None:
        """Once for each request; one with the same Idempotency-Key gets its answer again."""
        key = {"Idempotency-Key": "b9b1f5d0-8f0e-4e1c-9b39-000000000001"}
        first = await books.host.get("/chapter?couponCode=FREE", key)
        again = await books.host.get("/chapter?couponCode=FREE", key)
        other = await books.host.get("/chapter?couponCode=FREE")

        assert [each.body for each in (first, again, other)] == [
            "chapter 1",
            "chapter 1",
            "chapter 2",
        ]

    async def test_a_preflight_passes(self, books: Books) -> None:
        """Browsers ask before they pay, and cannot pay for asking."""
        answer = await books.host.call("OPTIONS", "/chapter")
        assert (answer.status, answer.body) == (200, "a taste")

    async def test_whoever_calls_it_options_pays_all_the_same(self, books: Books) -> None:
        """A handler of every method is no answer to a preflight, real or pretended."""
        pretended = {"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}
        bare = await books.host.call("OPTIONS", "/any")
        dressed = await books.host.call("OPTIONS", "/any", pretended)

        assert (bare.status, dressed.status) == (402, 402)
        assert books.counter.runs == 0

    async def test_head_tells_the_price_and_takes_no_money(self, books: Books) -> None:
        """What HEAD paid, GET could not fetch."""
        header = await header_for(books.host, "/chapter")
        async with untouched(books.shop):
            answer = await books.host.call("HEAD", "/chapter", header)

        assert answer.status == 402
        assert answer.required is not None

    async def test_a_middleware_sells_many_routes(self, shop: Shop) -> None:
        """Those that the function knows a product for; all others are free."""
        sold = {"/chapter": "article", "/gone": "article"}
        host = web.Application(
            middlewares=[paywall_middleware(lambda each: sold.get(each.path), gateway=shop.gateway)]
        )

        async def page(_: web.Request) -> web.StreamResponse:
            return web.Response(text="page")

        host.router.add_get("/chapter", page)
        host.router.add_get("/free", page)
        async with hosted(shop, host) as served:
            free, asked = await served.get("/free"), await served.get("/chapter")
            gone, wrong = await served.get("/gone"), await served.call("PUT", "/chapter")
            paid = await served.get("/chapter", await header_for(served, "/chapter"))

        assert (free.status, asked.status, paid.status) == (200, 402, 200)
        assert (gone.status, wrong.status) == (404, 405)  # nobody pays for what is not there


class TestRefusals:
    async def test_a_refused_payment_gets_a_fresh_offer(self, books: Books) -> None:
        """And the handler does not run."""
        asked = await books.host.get("/chapter")
        raw = books.shop.sign(books.shop.buyer(), asked.offer, amount=ARTICLE - 1)
        async with untouched(books.shop):
            answer = await books.host.get("/chapter", v2_header(raw, asked.offer))

        assert is_offered_anew(answer, asked.offer["extra"]["memo"])
        assert books.counter.runs == 0

    async def test_what_is_on_its_way_offers_nothing(self) -> None:
        """Clients pay any offer that they see."""
        async with open_shop(x402={"confirm_wait": "100ms"}) as shop:
            counter = Counter()
            async with hosted(shop, application(shop, counter)) as host:
                header = await header_for(host, "/chapter")
                shop.faults.deliver_after_ms = 500
                answer = await host.get("/chapter", header)

        assert (answer.status, answer.code) == (402, "transaction_not_confirmed")
        assert answer.required is None
        assert answer.receipt["errorReason"] == "settlement_pending"
        assert counter.runs == 0

    async def test_an_unknown_product_is_not_sold(self, books: Books) -> None:
        """The seller has named a product that is not there."""
        answer = await books.host.get("/chosen?sold=nothing")
        assert (answer.status, answer.code) == (404, "resource_not_found")

    async def test_a_body_has_a_bound(self, books: Books) -> None:
        """It is part of what a repeat has to be the same in, and so it is read first."""
        answer = await books.host.call("POST", "/echoed", body="x" * 2000)
        assert (answer.status, answer.code) == (413, "payload_too_large")

    async def test_a_payment_header_has_a_bound(self, books: Books) -> None:
        """The connection's own limit or ours, and never an error of ours."""
        answer = await books.host.get("/chapter", {"X-PAYMENT": "A" * 8000})
        assert answer.status == 402
        assert books.counter.runs == 0

    async def test_a_wallets_name_opens_nothing(self, books: Books) -> None:
        """Anyone can write it into a header."""
        buyer = books.shop.buyer()
        await books.host.get("/chapter", await header_for(books.host, "/chapter", buyer))
        answer = await books.host.get("/chapter", {"X-Wallet": str(buyer.address)})
        assert answer.status == 402


class TestRepeats:
    async def test_the_handler_runs_once_a_payment(self, books: Books) -> None:
        """A repeat gets what the first got, but for what belongs to one exchange."""
        header = await header_for(books.host, "/chapter")
        first = await books.host.get("/chapter", header)
        async with untouched(books.shop):
            again = await books.host.get("/chapter", header)

        assert (again.status, again.body, again.receipt) == (200, first.body, first.receipt)
        assert again.headers["X-Chapter"] == "one"
        assert ("Set-Cookie" in first.headers, "Set-Cookie" in again.headers) == (True, False)
        assert books.counter.runs == 1

    async def test_many_at_once_run_it_once(self, books: Books) -> None:
        """They wait for the first, wherever it runs."""
        books.counter.slow = 0.3
        header = await header_for(books.host, "/chapter")
        answers = await asyncio.gather(*(books.host.get("/chapter", header) for _ in range(8)))

        assert {(each.status, each.body) for each in answers} == {(200, "chapter 1")}
        assert books.counter.runs == 1

    @pytest.mark.parametrize("trouble", ["raised", "answered"])
    async def test_a_run_that_fails_is_made_good(self, books: Books, trouble: str) -> None:
        """Whoever has paid gets the thing: nothing was delivered, so a repeat runs it again."""
        if trouble == "raised":
            books.counter.fault = RuntimeError("out of paper")
        else:
            books.counter.status = 503
        header = await header_for(books.host, "/chapter")
        failed = await books.host.get("/chapter", header)
        books.counter.fault, books.counter.status = None, 200
        async with untouched(books.shop):
            again = await books.host.get("/chapter", header)

        assert failed.status >= 500
        assert (again.status, again.body) == (200, "chapter 2")
        assert books.shop.balance() == ARTICLE

    async def test_a_run_that_never_ended_is_made_good(self, books: Books) -> None:
        """A process that died gave nothing back: its turn ends by itself."""
        header = await header_for(books.host, "/chapter")
        first = await books.host.get("/chapter", header)
        (admitted,) = books.counter.seen
        once = books.shop.gateway.door.once
        books.shop.clock.forward(timedelta(hours=24, seconds=1))
        turn = await once.turn(admitted)  # the one that is lost
        once.wait = 0
        with pytest.raises(Unavailable):
            await once.turn(admitted)
        books.shop.clock.forward(timedelta(minutes=6))

        assert first.status == 200
        assert turn is not None
        assert await once.turn(admitted) is not None

    async def test_another_request_is_no_repeat(self, books: Books) -> None:
        """One payment, one answer."""
        header = await header_for(books.host, "/chapter")
        await books.host.get("/chapter", header)
        async with untouched(books.shop):
            other = await books.host.get("/chapter?page=2", header)

        assert other.status == 402
        assert books.counter.runs == 1

    async def test_what_the_chain_shows_is_not_enough(self, books: Books) -> None:
        """A transaction rebuilt from the chain gets nothing of what it bought."""
        header = await header_for(books.host, "/chapter")
        answer = await books.host.get("/chapter", header)
        landed = books.shop.chain.landings.get(answer.receipt["transaction"])
        assert landed is not None
        async with books.shop.visited_from("127.0.0.2") as thief:
            url = f"{books.host.address}/chapter"
            async with thief.http.get(url, headers=v1_header(landed.wire)) as stolen:
                assert stolen.status == 402
                assert "chapter 1" not in await stolen.text()
        assert books.counter.runs == 1

    async def test_a_redirect_is_an_answer_too(self, books: Books) -> None:
        """Raised or returned; it carries the receipt."""
        header = await header_for(books.host, "/moved")
        url = f"{books.host.address}/moved"
        seen = []
        for _ in range(2):
            async with books.host.http.get(url, headers=header, allow_redirects=False) as answer:
                seen.append((answer.status, answer.headers["Location"]))
                assert "PAYMENT-RESPONSE" in answer.headers
        assert seen == [(302, "/elsewhere")] * 2
        assert books.counter.runs == 1

    @pytest.mark.parametrize("path", ["/streamed", "/long"])
    async def test_what_cannot_be_kept_is_repeated_as_the_grant(
        self, books: Books, path: str
    ) -> None:
        """Streams, files and what is longer than 256 KiB."""
        header = await header_for(books.host, path)
        first = await books.host.get(path, header)
        again = await books.host.get(path, header)

        assert first.status == again.status == 200
        assert first.receipt == again.receipt
        assert (again.body["granted"], again.body["resource"]) == (True, "article")
        assert books.counter.runs == 1

    async def test_a_handler_may_run_again_if_it_says_so(self, books: Books) -> None:
        """For downloads: whoever may have the answer again gets it afresh."""
        header = await header_for(books.host, "/again")
        answers = [await books.host.get("/again", header) for _ in range(3)]

        assert [each.body for each in answers] == ["chapter 1", "chapter 2", "chapter 3"]
        assert books.shop.balance() == ARTICLE

    async def test_the_body_is_the_handlers_as_well(self, books: Books) -> None:
        """It was read to tell repeats from other requests, and can be read again."""
        asked = await books.host.call("POST", "/echoed", body="mine")
        raw = books.shop.sign(books.shop.buyer(), asked.offer)
        header = v2_header(raw, asked.offer)
        answer = await books.host.call("POST", "/echoed", header, "mine")
        other = await books.host.call("POST", "/echoed", header, "thine")

        assert answer.body == '"mine"chapter 1'
        assert other.status == 402
        assert signature_of(raw)

    async def test_proxies_tell_the_clients_address(self, shop: Shop) -> None:
        """Those that the settings trust, and no others."""
        door = shop.gateway.door
        told = CIMultiDict({"X-Forwarded-For": "198.51.100.7", "X-Forwarded-Proto": "https"})
        asked = door.request(
            method="GET",
            scheme="http",
            host="books.example",
            path="/a%20b",
            query="",
            headers=told,
            body=b"",
            peer="127.0.0.1",
        )
        assert (asked.address, asked.url) == ("127.0.0.1", "http://books.example/a%20b")

        async with open_shop(server={"trusted_proxies": ["127.0.0.1"]}) as behind:
            asked = behind.gateway.door.request(
                method="GET",
                scheme="http",
                host="books.example",
                path="/",
                query="",
                headers=told,
                body=b"",
                peer="127.0.0.1",
            )
        assert (asked.address, asked.url) == ("198.51.100.7", "https://books.example/")


class TestSeveralGateways:
    async def test_it_runs_once_wherever_it_is_asked_for(self, tmp_path: Path) -> None:
        """Two processes' worth of gateways on one store; a repeat may come to either."""
        place = {"backend": "file", "file_path": str(tmp_path / "tillway.db")}
        async with open_shop(storage=place) as shop, another_gateway(shop, storage=place) as other:
            counters = Counter(slow=0.3), Counter(slow=0.3)
            one, two = application(shop, counters[0]), application(other, counters[1])
            async with hosted(shop, one) as here, hosted(other, two) as there:
                header = await header_for(here, "/chapter")
                both = await asyncio.gather(
                    *(each.get("/chapter", header) for each in (here, there) * 4)
                )
                late = await there.get("/chapter", header)

        assert {(each.status, each.body) for each in (*both, late)} == {(200, "chapter 1")}
        assert counters[0].runs + counters[1].runs == 1


class TestCrowds:
    async def test_every_payment_runs_it_once_under_all_its_repeats(self, shop: Shop) -> None:
        """Many buyers at once, each of whom asks again and again, some runs failing."""
        buyers, repeats = (200, 6) if FULL else (16, 4)
        counter = Flaky()
        async with hosted(shop, application(shop, counter)) as host:
            headers = [await header_for(host, "/chapter") for _ in range(buyers)]
            await asyncio.gather(
                *(host.get("/chapter", header) for header in headers for _ in range(repeats))
            )
            counter.steady = True
            last = [await host.get("/chapter", header) for header in headers]

        assert [each.status for each in last] == [200] * buyers
        assert len({each.body for each in last}) == buyers
        assert counter.delivered == buyers
        assert shop.balance() == buyers * ARTICLE


@define(eq=False)
class Flaky(Counter):
    """A handler that fails every third time, until it is steady."""

    delivered: int = 0
    steady: bool = False

    async def run(self) -> str:
        """Fail, or deliver a chapter that nobody else gets."""
        said = await super().run()
        await asyncio.sleep(0.01)
        if self.runs % 3 == 0 and not self.steady:
            raise RuntimeError("out of paper")
        self.delivered += 1
        return said


class TestPaidBack:
    async def test_a_payment_that_went_back_runs_nothing_any_more(self) -> None:
        """Its handler had failed; money and goods together are too much."""
        async with open_shop(background=False) as shop:
            counter = Counter(status=500)
            async with hosted(shop, application(shop, counter)) as host:
                buyer = shop.buyer()
                header = await header_for(host, "/chapter", buyer)
                failed = await host.get("/chapter", header)
                (payment,) = await shop.payments()
                await root(shop)
                quote = await Bought(shop, buyer, payment.signature).approved()
                repaid = await execute(shop, quote)
                counter.status = 200

                again = await host.get("/chapter", header)

        assert (failed.status, repaid.status) == (500, 200)
        assert (again.status, counter.runs) == (402, 1)
        assert again.required is not None
