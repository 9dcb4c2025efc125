"""The client that loads servers: it must count whole answers, and each once."""

import asyncio
from collections.abc import Sequence

import pytest
from aiohttp import web

from bench.load import Load, hammer
from bench.wire import Answer, Line, request

HEAD = b"HTTP/1.1 402 Payment Required\r\ncontent-length: 5\r\nX-Thing: yes\r\n\r\n"


class Written:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.sent.append(data)


def heard(parts: Sequence[bytes]) -> list[Answer]:
    """Give what a line takes from bytes that come in these parts."""
    answers: list[Answer] = []
    line = Line(lambda _, answer: answers.append(answer), lambda _: None)
    line.connection_made(Written())  # type: ignore[arg-type]  # only its write is used
    line.ask(b"")
    for part in parts:
        line.data_received(part)
    return answers


class TestLine:
    def test_an_answer_is_read(self) -> None:
        """Status, headers in any case, body."""
        (answer,) = heard([HEAD + b"hello"])
        assert (answer.status, answer.body) == (402, b"hello")
        assert answer.header("x-thing") == "yes"
        assert answer.header("X-Other") is None

    @pytest.mark.parametrize("size", [1, 2, 7, 30])
    def test_it_may_come_in_pieces(self, size: int) -> None:
        """However the network cuts it, it is one answer."""
        whole = HEAD + b"hello"
        pieces = [whole[start : start + size] for start in range(0, len(whole), size)]
        assert [answer.body for answer in heard(pieces)] == [b"hello"]

    def test_half_an_answer_is_none(self) -> None:
        """A server is not faster for having begun."""
        assert heard([HEAD + b"hel"]) == []

    def test_an_answer_without_a_length_cannot_be_counted(self) -> None:
        """Where it ends would be a guess."""
        with pytest.raises(ValueError, match="length"):
            heard([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"])

    def test_a_request_with_a_body_says_how_long_it_is(self) -> None:
        """Servers wait for what they are told of."""
        written = request("POST", "/quote", {"X-A": "1"}, b"{}")
        head, _, body = written.partition(b"\r\n\r\n")
        assert head.startswith(b"POST /quote HTTP/1.1\r\n")
        assert b"\r\nX-A: 1" in head
        assert b"\r\nContent-Length: 2" in head
        assert body == b"{}"


class TestLoad:
    async def test_every_answer_is_counted_once(self) -> None:
        """What the server says it answered is what was counted, but for both ends."""
        answered = 0

        async def handle(_: web.Request) -> web.Response:
            nonlocal answered
            answered += 1
            return web.Response(body=b"12345", status=202)

        app = web.Application()
        app.router.add_get("/", handle)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        load = await hammer(port, request("GET", "/").decode(), 4, 0.2, {}, warm_up=0.0)
        await asyncio.sleep(0.05)
        await runner.cleanup()
        assert set(load.statuses) == {"202"}
        assert sum(load.statuses.values()) == load.count == load.latency.count
        assert 0 < load.count <= answered <= load.count + 8
        assert (load.size, load.lost) == (5, 0)

    def test_cost_and_rate_are_for_each_answer(self) -> None:
        """Microseconds of CPU, answers a second."""
        told = {
            "count": 200,
            "seconds": 2.0,
            "statuses": {"200": 200},
            "latency": {"count": 1, "mean": 1, "median": 1, "p99": 1, "most": 1},
            "cpu": {"server": 0.01},
            "others": 0.0,
            "size": 1,
            "lost": 0,
        }
        load = Load.read(told)
        assert load.rate == 100.0
        assert load.cost("server") == pytest.approx(50)
