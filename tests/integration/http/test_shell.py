"""The shell over loopback: errors, ids, headers, limits, mounting."""

import asyncio
import gzip
import logging
import re
from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

import pytest
from aiohttp import web
from attrs import frozen
from yarl import URL

from support.shell import ask, fine, names, route, serving, shell
from tillway.core.errors import Code, Declined, Unavailable
from tillway.core.tenancy import DEFAULT
from tillway.entrypoints.http.app import build_application
from tillway.entrypoints.http.config import HttpConfig
from tillway.entrypoints.http.convert import body_of, raw_body
from tillway.entrypoints.http.log import FIELDS, LINE
from tillway.entrypoints.http.render import answer
from tillway.entrypoints.http.request import (
    CLIENT,
    PRINCIPAL,
    REQUEST_ID,
    ROUTE,
    TENANT,
    VERSION,
    mount,
    origin,
    url,
)
from tillway.entrypoints.http.wire import wire
from tillway.plugins.api import Pace

SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-XSS-Protection": "1; mode=block",
    "Referrer-Policy": "strict-origin-when-cross-origin",
}


@frozen(kw_only=True)
class Note:
    """A body."""

    text: str = wire(missing="text is required")


async def crash(_: web.Request) -> web.StreamResponse:
    raise RuntimeError("password=hunter2")


async def hang(_: web.Request) -> web.StreamResponse:
    await asyncio.sleep(60)
    return answer({})


async def echo(request: web.Request) -> web.StreamResponse:
    return answer({"text": (await body_of(request, Note)).text})


async def size(request: web.Request) -> web.StreamResponse:
    first = await raw_body(request)
    return answer({"size": len(first), "same": await raw_body(request) is first})


async def known(request: web.Request) -> web.StreamResponse:
    return answer(
        {
            "id": request[REQUEST_ID],
            "client": request[CLIENT],
            "tenant": request[TENANT],
            "principal": request[PRINCIPAL],
            "version": request[VERSION],
            "route": request[ROUTE].name,
            "origin": origin(request),
            "url": url(request),
            "mount": mount(request),
        }
    )


class TestErrors:
    async def test_nothing_there_is_route_not_found(self) -> None:
        """In the envelope, with all headers."""
        async with shell() as client:
            found = await ask(client, "/nothing")
        assert (found.status, found.code) == (404, "route_not_found")
        assert found.headers["Content-Type"] == "application/json"
        assert found.headers["X-Request-ID"].startswith("req_")
        assert SECURITY.items() <= dict(found.headers).items()

    @pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"])
    async def test_another_method_is_method_not_allowed(self, method: str) -> None:
        """HEAD is no GET; Allow names what there is."""
        async with shell(route(), route(method="PATCH")) as client:
            found = await ask(client, method=method)
        assert (found.status, found.headers["Allow"]) == (405, "GET, PATCH")
        assert method == "HEAD" or found.code == "method_not_allowed"

    async def test_a_refusal_is_rendered_by_its_code(self) -> None:
        """Status, envelope, Retry-After."""

        async def refuse(_: web.Request) -> web.StreamResponse:
            raise Declined(Code.RESOURCE_NOT_FOUND, details={"resourceId": "x"})

        async def away(_: web.Request) -> web.StreamResponse:
            raise Unavailable(Code.RPC_ERROR, retry_after=3)

        async with shell(route(refuse), route(away, "/away")) as client:
            first, second = await ask(client), await ask(client, "/away")
        assert (first.status, first.body["error"]["details"]) == (404, {"resourceId": "x"})
        assert (second.status, second.code) == (502, "rpc_error")
        assert second.headers["Retry-After"] == "3"

    async def test_a_mistake_of_ours_is_logged_and_says_nothing(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The stack goes to the log with the request's id, not to the client."""
        async with shell(route(crash)) as client:
            found = await ask(client, headers={"X-Request-ID": "abc-1"})
        assert (found.status, found.code) == (500, "internal_error")
        assert b"hunter2" not in found.raw
        assert b"RuntimeError" not in found.raw
        record = next(each for each in caplog.records if each.levelno == logging.ERROR)
        assert "abc-1" in record.getMessage()
        assert record.exc_info is not None

    async def test_a_mistake_in_the_shell_itself_is_a_500_too(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A source of ids that fails, for one."""

        def broken(_: int) -> bytes:
            raise OSError("no randomness")

        app = build_application([route()], config=HttpConfig(), random=broken)
        async with serving(app) as client:
            found = await ask(client)
        assert (found.status, found.code) == (500, "internal_error")
        assert "was not answered" in caplog.text

    async def test_a_handler_may_redirect(self) -> None:
        """Aiohttp's own exceptions that are no errors stay what they are."""

        async def away(_: web.Request) -> web.StreamResponse:
            raise web.HTTPSeeOther("/elsewhere")

        async with shell(route(away)) as client:
            found = await ask(client, allow_redirects=False)
        assert (found.status, found.headers["Location"]) == (303, "/elsewhere")


class TestRequestId:
    async def test_one_is_made_for_a_request_without(self) -> None:
        """128 random bits, another each time."""
        async with shell() as client:
            ids = [(await ask(client)).headers["X-Request-ID"] for _ in range(5)]
        assert all(re.fullmatch("req_[0-9a-f]{32}", each) for each in ids)
        assert len(set(ids)) == 5

    @pytest.mark.parametrize("given", ["a", "0123-abc_DEF.x:y", "x" * 128])
    async def test_a_harmless_one_is_echoed(self, given: str) -> None:
        """So that callers find their requests in our log."""
        async with shell() as client:
            found = await ask(client, headers={"X-Request-ID": given})
        assert found.headers["X-Request-ID"] == given

    @pytest.mark.parametrize("given", ["", "x" * 129, "a b", "a;b", "{}", "ä", '"'])
    async def test_any_other_is_replaced(self, given: str) -> None:
        """It would stand in logs and headers."""
        async with shell() as client:
            found = await ask(client, headers={"X-Request-ID": given})
        assert re.fullmatch("req_[0-9a-f]{32}", found.headers["X-Request-ID"])


class TestHeaders:
    async def test_every_answer_has_the_security_headers_and_no_vendor(self) -> None:
        """Nothing tells what it is made of."""
        async with shell(route(), route(crash, "/crash")) as client:
            for path in ("/thing", "/crash", "/nothing"):
                found = await ask(client, path)
                assert SECURITY.items() <= dict(found.headers).items()
                assert "aiohttp" not in str(found.headers)
                assert "Strict-Transport-Security" not in found.headers

    async def test_hsts_is_sent_where_tls_ends_here(self) -> None:
        """Only there: a proxy decides for itself."""
        async with shell(tls=True) as client:
            found = await ask(client)
        assert found.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"

    async def test_the_version_is_negotiated_and_vary_grows(self) -> None:
        """What a handler says of Vary stays."""

        async def varied(_: web.Request) -> web.StreamResponse:
            return answer({}, headers={"Vary": "Cookie"})

        async with shell(route(varied), origins=("https://a.example",)) as client:
            found = await ask(client, headers={"X-API-Version": "2"})
        assert found.headers["X-API-Version"] == "v2"
        assert set(names(found.headers["Vary"])) == {"Cookie", "Accept", "X-API-Version", "Origin"}

    async def test_a_routes_own_headers_are_on_its_answers(self) -> None:
        """And not on errors."""

        async def moody(request: web.Request) -> web.StreamResponse:
            if "fail" in request.query:
                raise Declined(Code.INVALID_FIELD)
            return answer({})

        cached = route(moody, headers={"Cache-Control": "public, max-age=300"})
        async with shell(cached) as client:
            good, bad = await ask(client), await ask(client, "/thing?fail=1")
        assert good.headers["Cache-Control"] == "public, max-age=300"
        assert "Cache-Control" not in bad.headers


class TestKnown:
    async def test_a_handler_finds_what_the_shell_knows(self) -> None:
        """Under typed keys."""
        async with shell(route(known), route_prefix="/api") as client:
            found = (await ask(client, "/api/thing?x=1", headers={"X-Request-ID": "me"})).body
            here = client.address
        assert found == {
            "id": "me",
            "client": "127.0.0.1",
            "tenant": DEFAULT,
            "principal": None,
            "version": "v1",
            "route": "get_thing",
            "origin": here,
            "url": f"{here}/api/thing",
            "mount": "/api",
        }

    @pytest.mark.parametrize("host", ["evil.example/<script>", 'a"b', "a b", "x" * 300, ""])
    async def test_a_host_that_cannot_be_one_is_not_repeated(self, host: str) -> None:
        """Offers and cards carry addresses; strangers do not write into them."""
        async with shell(route(known)) as client:
            found = (await ask(client, headers={"Host": host})).body
        assert found["origin"] == "http://localhost"


class TestTimeouts:
    async def test_a_light_route_has_less_time_than_a_payment(self) -> None:
        """504 in the envelope, retryable, with all headers."""
        slow, slower = route(hang, "/light", pace=Pace.LIGHT), route(hang, "/payment")
        async with shell(slow, slower, light_seconds=0.1, payment_seconds=0.5) as client:
            loop = asyncio.get_running_loop()
            began = loop.time()
            light = await ask(client, "/light")
            between = loop.time()
            payment = await ask(client, "/payment")
            ended = loop.time()
        assert between - began < 0.45 < ended - between
        assert [each.status for each in (light, payment)] == [504, 504]
        assert (light.code, light.body["error"]["retryable"]) == ("timeout", True)
        assert "X-Request-ID" in light.headers

    async def test_work_in_a_task_of_its_own_goes_on(self) -> None:
        """A settlement is waited for, not owned, by its request."""
        ended: list[asyncio.Task[None]] = []

        async def work() -> None:
            await asyncio.sleep(0.3)
            ended.append(tasks[0])

        tasks: list[asyncio.Task[None]] = []

        async def settle(_: web.Request) -> web.StreamResponse:
            tasks.append(asyncio.create_task(work()))
            await asyncio.shield(tasks[0])
            return answer({})

        async with shell(route(settle), payment_seconds=0.1) as client:
            found = await ask(client)
            await tasks[0]
        assert found.status == 504
        assert ended == tasks

    async def test_a_client_that_leaves_cancels_nothing(self) -> None:
        """What it has begun is finished."""
        done = asyncio.Event()

        async def slow(_: web.Request) -> web.StreamResponse:
            await asyncio.sleep(0.2)
            done.set()
            return answer({})

        async with shell(route(slow)) as client:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(ask(client), 0.05)
            await asyncio.wait_for(done.wait(), 5)

    async def test_a_time_out_within_a_handler_is_a_mistake_of_ours(self) -> None:
        """It is not the request's own time that was up."""

        async def confused(_: web.Request) -> web.StreamResponse:
            raise TimeoutError

        async with shell(route(confused)) as client:
            assert (await ask(client)).status == 500


class TestBodies:
    async def test_a_body_is_read(self) -> None:
        """Whatever its content type says."""
        async with shell(route(echo, method="POST")) as client:
            found = await ask(client, method="POST", data=b'{"text":"hi"}')
        assert found.body == {"text": "hi"}

    async def test_faults_are_400_in_the_envelope(self) -> None:
        """With the fields that are wrong."""
        async with shell(route(echo, method="POST")) as client:
            missing = await ask(client, method="POST", json={})
            empty = await ask(client, method="POST")
            odd = await ask(client, method="POST", json={"text": 1, "x": 2})
        assert (missing.status, missing.code) == (400, "missing_field")
        assert missing.body["error"]["message"] == "text is required"
        assert (empty.status, empty.code) == (400, "invalid_field")
        assert [fault["field"] for fault in odd.body["error"]["details"]["fields"]] == ["text", "x"]

    async def test_one_that_says_it_is_too_large_is_refused_unread(self) -> None:
        """413 before a byte of it."""
        async with shell(route(size, method="POST"), body_bytes=1000) as client:
            assert (await ask(client, method="POST", data=b"x" * 1000)).body["size"] == 1000
            found = await ask(client, method="POST", data=b"x" * 1001)
        assert (found.status, found.code) == (413, "payload_too_large")

    async def test_one_that_does_not_say_is_counted(self) -> None:
        """Chunks that never end do not fill the memory."""

        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(100):
                yield b"x" * 100

        async with shell(route(size, method="POST"), body_bytes=1000) as client:
            found = await ask(client, method="POST", data=chunks())
        assert (found.status, found.code) == (413, "payload_too_large")

    async def test_one_that_grows_when_unpacked_is_counted_unpacked(self) -> None:
        """A bomb of zeros is refused as soon as it passes the limit."""
        bomb, packed = gzip.compress(bytes(50_000_000)), {"Content-Encoding": "gzip"}
        async with shell(route(size, method="POST"), body_bytes=100_000) as client:
            found = await ask(client, method="POST", data=bomb, headers=packed)
            fair = await ask(client, method="POST", data=gzip.compress(b"x" * 99), headers=packed)
        assert (found.status, found.code) == (413, "payload_too_large")
        assert fair.body == {"size": 99, "same": True}

    async def test_one_that_cannot_be_unpacked_is_invalid(self) -> None:
        """400, not 500."""
        async with shell(route(echo, method="POST")) as client:
            headers = {"Content-Encoding": "gzip"}
            found = await ask(client, method="POST", data=b"no gzip", headers=headers)
        assert (found.status, found.code) == (400, "invalid_field")

    @pytest.mark.parametrize("framing", ["Content-Length: 100", "Transfer-Encoding: chunked"])
    async def test_a_client_that_breaks_off_is_no_mistake_of_ours(
        self, framing: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Nothing is logged but the line of every request."""
        caplog.set_level(logging.INFO)
        async with shell(route(size, method="POST")) as client:
            _, writer = await asyncio.open_connection("127.0.0.1", URL(client.address).port)
            writer.write(f"POST /thing HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n5\r\nab".encode())
            await writer.drain()
            await asyncio.sleep(0.05)
            writer.close()
            await writer.wait_closed()
            await asyncio.sleep(0.05)
        assert [(each.levelno, each.msg) for each in caplog.records] == [(logging.INFO, LINE)]

    async def test_a_body_that_never_ends_is_a_time_out(self) -> None:
        """Reading it counts as the route's time."""
        posting = route(size, method="POST")
        async with shell(posting, payment_seconds=0.2) as client:
            reader, writer = await asyncio.open_connection("127.0.0.1", URL(client.address).port)
            writer.write(b"POST /thing HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nab")
            line = await asyncio.wait_for(reader.readline(), 5)
            writer.close()
            await writer.wait_closed()
        assert line == b"HTTP/1.1 504 Gateway Timeout\r\n"

    async def test_a_host_with_other_limits_changes_nothing(self) -> None:
        """Mounted, ours hold."""
        posting = route(size, method="POST")
        async with shell(posting, mount="/pay", body_bytes=2_000_000) as client:
            large = await ask(client, "/pay/thing", "POST", data=BytesIO(b"x" * 1_500_000))
            too_large = await ask(client, "/pay/thing", "POST", data=BytesIO(b"x" * 2_000_001))
        assert (large.body["size"], too_large.status) == (1_500_000, 413)


class TestHeaderSizes:
    @pytest.mark.parametrize("kib", [15, 17, 40])
    async def test_a_payment_header_reaches_its_face(self, kib: int) -> None:
        """Whose limit is 16 KiB and whose refusal says so; aiohttp's own would be 8 KiB."""

        async def length(request: web.Request) -> web.StreamResponse:
            return answer({"length": len(request.headers["X-PAYMENT"])})

        async with shell(route(length)) as client:
            found = await ask(client, headers={"X-PAYMENT": "x" * kib * 1024})
        assert found.body == {"length": kib * 1024}

    async def test_one_beyond_all_measure_is_400(self) -> None:
        """By aiohttp, which closes the connection."""
        async with shell() as client:
            found = await ask(client, headers={"X-PAYMENT": "x" * 100_000})
        assert found.status == 400


class TestMounting:
    async def test_a_host_finds_everything_under_its_path(self) -> None:
        """Routes, errors and headers are the same."""
        open_route = route(path="/open", open=True, prefix=False)
        async with shell(route(), open_route, mount="/pay", route_prefix="/api") as client:
            good = await ask(client, "/pay/api/thing")
            nothing = await ask(client, "/pay/nothing")
            method = await ask(client, "/pay/api/thing", "DELETE")
            outside = await ask(client, "/thing")
            preflight = await ask(
                client, "/pay/open", "OPTIONS", headers={"Access-Control-Request-Method": "GET"}
            )
        assert (good.status, good.headers["X-API-Version"]) == (200, "v1")
        assert (nothing.status, nothing.code) == (404, "route_not_found")
        assert (method.status, method.headers["Allow"]) == (405, "GET")
        assert outside.headers["Content-Type"].startswith("text/plain")
        assert preflight.headers["Access-Control-Allow-Origin"] == "*"

    async def test_what_it_opens_is_closed_in_reverse(self) -> None:
        """Lifetimes open in order at start-up."""
        seen: list[str] = []

        def lifetime(name: str) -> Any:
            async def live(_: web.Application) -> AsyncIterator[None]:
                seen.append(f"open {name}")
                yield
                seen.append(f"close {name}")

            return live

        lifetimes = [lifetime("a"), lifetime("b")]
        app = build_application([route()], config=HttpConfig(), lifetimes=lifetimes)
        async with serving(app):
            assert seen == ["open a", "open b"]
        assert seen == ["open a", "open b", "close b", "close a"]

    def test_two_routes_that_clash_are_refused(self) -> None:
        """By name, or by method and path."""
        with pytest.raises(ValueError, match="two routes are named"):
            build_application([route(), route(path="/b", name="get_thing")], config=HttpConfig())
        with pytest.raises(ValueError, match="two routes answer GET /thing"):
            build_application([route(), route(name="other")], config=HttpConfig())


class TestCompletionLog:
    async def test_each_answer_is_one_line(self, caplog: pytest.LogCaptureFixture) -> None:
        """With the route's template, never with what the client wrote into the path or query."""
        caplog.set_level(logging.INFO, "tillway.entrypoints.http")
        async with shell(route(path="/things/{id}")) as client:
            found = await ask(client, "/things/secret-id?token=hunter2")
            await ask(client, "/hunter2")
        lines = [each for each in caplog.records if each.msg is LINE]
        said = [dict(zip(FIELDS, each.args or (), strict=True)) for each in lines]
        assert [(each["method"], each["route"], each["status"]) for each in said] == [
            ("GET", "/things/{id}", 200),
            ("?", "none", 404),
        ]
        assert said[0]["request_id"] == found.headers["X-Request-ID"]
        assert said[0]["bytes"] == len(found.raw)
        assert said[0]["client"] == "127.0.0.1"
        assert isinstance(said[0]["ms"], float)
        assert "hunter2" not in caplog.text
        assert "secret-id" not in caplog.text

    async def test_it_is_silent_above_info(self, caplog: pytest.LogCaptureFixture) -> None:
        """And then costs nothing."""
        caplog.set_level(logging.WARNING, "tillway.entrypoints.http")
        async with shell(route(fine)) as client:
            await ask(client)
        assert not [each for each in caplog.records if each.msg is LINE]
