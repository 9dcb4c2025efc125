import asyncio
import logging
from typing import Any

import pytest
from aiohttp import web
from solders.signature import Signature

from support.quick_clock import QuickClock
from support.scripted_node import scripted
from support.solana import NOBODY, Wire, rpc_to
from tillway.adapters.x402.endpoints import LARGEST_ANSWER
from tillway.adapters.x402.errors import NodeFailed, SendRefused
from tillway.adapters.x402.rpc import Rpc
from tillway.core.errors import Code, Unavailable
from tillway.entrypoints.sandbox.chain import Served
from tillway.entrypoints.sandbox.chain.faults import Kind

SECRET = "api-key-f3a9"
SLOT = {"context": {"slot": 7}}


async def _failure(answer: Any, **settings: Any) -> NodeFailed:
    async with (
        scripted(lambda *_: answer) as node,
        rpc_to([node.url], QuickClock(), **settings) as rpc,
    ):
        with pytest.raises(NodeFailed) as failed:
            await rpc.slot()
        return failed.value


class TestEveryFault:
    @pytest.mark.parametrize("status", [500, 502, 503, 301, 401, 403, 404])
    async def test_a_status_that_is_no_answer_is_a_failure_of_the_node(self, status: int) -> None:
        """The kind names the status and nothing else."""
        failed = await _failure(web.Response(status=status, text="<html>"))
        assert (failed.kind, failed.code) == (f"http {status}", Code.RPC_ERROR)

    async def test_too_many_requests_tells_when_to_come_back(self) -> None:
        """Retry-After in seconds is passed on."""
        failed = await _failure(web.Response(status=429, headers={"Retry-After": "7"}))
        assert (failed.kind, failed.retry_after) == ("http 429", 7.0)

    @pytest.mark.parametrize("told", ["soon", "-1", "1e9", "Wed, 21 Oct 2026 07:28:00 GMT", "٣"])
    async def test_an_unreadable_retry_after_is_none(self, told: str) -> None:
        """Only whole seconds are read."""
        failed = await _failure(web.Response(status=429, headers={"Retry-After": told}))
        assert failed.retry_after is None

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"<html>gateway</html>",
            b'{"jsonrpc":"2.0","id":1,"resu',
            b"[]",
            b"null",
            b'{"jsonrpc":"2.0","id":1}',
            b'{"jsonrpc":"2.0","id":99,"result":5}',
            b'{"jsonrpc":"2.0","result":5}',
            b'{"jsonrpc":"2.0","id":1,"error":"no"}',
            b'{"jsonrpc":"2.0","id":1,"error":{"code":"x","message":"no"}}',
            b'{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":5}}',
            b'{"jsonrpc":"2.0","id":1,"result":"5"}',
            b'{"jsonrpc":"2.0","id":1,"result":-5}',
            b'{"jsonrpc":"2.0","id":1,"result":true}',
            b'{"jsonrpc":"2.0","id":1,"result":5.5}',
            b'{"jsonrpc":"2.0","id":1,"result":18446744073709551616}',
            b'{"jsonrpc":"2.0","id":1,"result":5}\xff',
        ],
    )
    async def test_an_answer_of_another_shape_is_no_answer(self, body: bytes) -> None:
        """Truncated, foreign and ill-typed answers all fail, and none is guessed at."""
        failed = await _failure(web.Response(body=body, content_type="application/json"))
        assert failed.kind == "misshapen"

    async def test_an_endless_answer_is_cut_off(self) -> None:
        """No more than four megabytes are kept in memory."""
        body = b" " * (LARGEST_ANSWER + 1)
        assert (await _failure(web.Response(body=body))).kind == "too large"

    async def test_a_node_that_hangs_times_out(self) -> None:
        """The wait is the client's, not the node's."""

        async def hang() -> web.Response:
            await asyncio.sleep(0.5)
            return web.Response()

        async with (
            scripted(lambda *_: hang()) as node,
            rpc_to([node.url], QuickClock(), timeout=0.05) as rpc,
        ):
            with pytest.raises(NodeFailed) as failed:
                await rpc.slot()
        assert (failed.value.kind, failed.value.code) == ("timeout", Code.NETWORK_ERROR)
        assert failed.value.written

    async def test_a_connection_that_breaks_may_have_carried_the_request(
        self, first: Served, solana: Rpc
    ) -> None:
        """A reset is a failure of the network, and the request counts as written."""
        first.faults.spoil(Kind.RESET)
        with pytest.raises(NodeFailed) as failed:
            await solana.slot()
        assert (failed.value.kind, failed.value.written) == ("connection", True)

    async def test_a_refused_connection_carried_nothing(self) -> None:
        """Where nothing listens, nothing can have been sent."""
        async with rpc_to([NOBODY], QuickClock()) as rpc:
            with pytest.raises(NodeFailed) as failed:
                await rpc.slot()
        assert (failed.value.kind, failed.value.written) == ("connect", False)

    @pytest.mark.parametrize("number", [-32005, -32004, -32016, -32601, -32603, 429])
    async def test_an_error_about_the_node_is_a_failure_of_the_node(
        self, first: Served, solana: Rpc, number: int
    ) -> None:
        """Another node may do better, so these are not answers."""
        first.faults.spoil(Kind.ERROR, code=number, message="node is behind")
        with pytest.raises(NodeFailed) as failed:
            await solana.slot()
        assert failed.value.kind == str(number)

    async def test_an_error_about_the_request_is_unavailable_too(
        self, first: Served, solana: Rpc
    ) -> None:
        """Our reads are well formed, so a node that refuses one is of no use."""
        first.faults.spoil(Kind.ERROR, code=-32602, message="Invalid params")
        with pytest.raises(Unavailable):
            await solana.slot()


class TestFailover:
    @pytest.mark.parametrize("kind", [Kind.HTTP_500, Kind.HTTP_429, Kind.TRUNCATED, Kind.RESET])
    async def test_the_next_node_answers(
        self, first: Served, solana_of_two: Rpc, wire: Wire, kind: Kind
    ) -> None:
        """A read that fails on one node is made on the next within the same call."""
        first.faults.spoil(kind)
        assert await solana_of_two.slot() > 0
        assert [error is None for _, _, error in wire.seen] == [False, True]

    async def test_a_node_that_failed_is_asked_last(
        self, first: Served, second: Served, solana_of_two: Rpc
    ) -> None:
        """While it rests it costs the next calls nothing."""
        first.faults.spoil(Kind.HTTP_500, times=1)
        await solana_of_two.slot()
        await solana_of_two.slot()
        assert (first.node.calls["getSlot"], second.node.calls["getSlot"]) == (1, 2)

    async def test_a_resting_node_is_asked_rather_than_none(
        self, first: Served, second: Served, solana_of_two: Rpc
    ) -> None:
        """Rest is an order, not a ban."""
        first.faults.spoil(Kind.HTTP_500, times=1)
        await solana_of_two.slot()
        second.faults.spoil(Kind.HTTP_500, times=1)
        assert await solana_of_two.slot() > 0

    async def test_no_node_at_all_is_unavailable(
        self, first: Served, second: Served, solana_of_two: Rpc
    ) -> None:
        """What no node answers is nobody's answer."""
        first.faults.spoil(Kind.HTTP_500)
        second.faults.spoil(Kind.TRUNCATED)
        with pytest.raises(Unavailable):
            await solana_of_two.slot()

    async def test_one_written_request_makes_the_whole_call_written(self, first: Served) -> None:
        """That the last node was never reached says nothing about the first."""
        first.faults.spoil(Kind.HTTP_500)
        async with rpc_to([first.rpc_url, NOBODY], QuickClock()) as rpc:
            with pytest.raises(NodeFailed) as failed:
                await rpc.send(b"bytes", skip_preflight=True)
        assert failed.value.written

    async def test_a_send_goes_to_the_next_node(
        self, first: Served, second: Served, solana_of_two: Rpc
    ) -> None:
        """The same bytes are harmless, so a node that is away costs nothing."""
        first.faults.spoil(Kind.HTTP_500)
        with pytest.raises(SendRefused):
            await solana_of_two.send(b"not a transaction", skip_preflight=True)
        assert second.node.calls["sendTransaction"] == 1


FUTURE = 2**60
AHEAD = 50_000_000


class TestSlotsOfTheFuture:
    @pytest.mark.parametrize("slot", [FUTURE, AHEAD])
    async def test_one_such_answer_is_none(
        self, first: Served, second: Served, solana_of_two: Rpc, slot: int
    ) -> None:
        """The next node answers, and heights are as they were."""
        now = await solana_of_two.slot()
        first.faults.spoil(Kind.ANSWER, "getSlot", times=1, result=slot)
        assert await solana_of_two.slot() - now < 100
        assert solana_of_two.seen.slot - now < 100

    async def test_a_claim_is_made_of_plausible_heights_only(
        self, first: Served, solana: Rpc
    ) -> None:
        """Otherwise none is made."""
        wrong = {"context": {"slot": FUTURE}, "value": None}
        latest = {"blockhash": "1" * 32, "lastValidBlockHeight": FUTURE}
        first.faults.spoil(
            Kind.ANSWER, "getLatestBlockhash", times=1, result={**wrong, "value": latest}
        )
        with pytest.raises(Unavailable):
            await solana.know_heights()
        assert (await solana.know_heights()).height < 10**6

    async def test_a_simulation_there_is_no_simulation(self, first: Served, solana: Rpc) -> None:
        """What it calls alive may be younger than all that is known."""
        wrong = {"context": {"slot": FUTURE}, "value": {"err": None, "logs": []}}
        first.faults.spoil(Kind.ANSWER, "simulateTransaction", times=1, result=wrong)
        with pytest.raises(Unavailable):
            await solana.simulate(b"bytes")

    async def test_a_chain_that_is_really_there_is_believed_at_the_second_time(
        self, solana: Rpc, first: Served, quick: QuickClock
    ) -> None:
        """As when our clock was set back, or stood still."""
        far = {"context": {"slot": AHEAD}, "value": [None]}
        await solana.slot()
        first.faults.spoil(Kind.ANSWER, "getSignatureStatuses", result=far)
        with pytest.raises(Unavailable):
            await solana.statuses([Signature.default()], history=False)
        found = await solana.statuses([Signature.default()], history=False)
        assert found.slot == solana.seen.slot == AHEAD


class TestObserving:
    @pytest.mark.parametrize(
        ("kind", "label"),
        [
            (Kind.HTTP_429, "rate_limit"),
            (Kind.HTTP_500, "other"),
            (Kind.TRUNCATED, "other"),
            (Kind.RESET, "connection"),
            (Kind.ERROR, "other"),
        ],
    )
    async def test_each_failure_has_one_of_the_contracts_labels(
        self, first: Served, solana: Rpc, wire: Wire, kind: Kind, label: str
    ) -> None:
        """However a node fails, it cannot make new time series."""
        first.faults.spoil(kind, times=1)
        with pytest.raises(NodeFailed):
            await solana.slot()
        await solana.slot()
        assert [(method, error) for method, _, error in wire.seen] == [
            ("getSlot", label),
            ("getSlot", None),
        ]

    async def test_what_the_node_refuses_is_labelled_too(self, solana: Rpc, wire: Wire) -> None:
        """Its own error number is not a label."""
        with pytest.raises(SendRefused):
            await solana.send(b"junk", skip_preflight=True)
        assert [error for _, _, error in wire.seen] == ["other"]


class TestSecrecy:
    async def test_no_error_log_or_metric_shows_the_address_of_a_node(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """RPC URLs hold API keys: no failure repeats them, nor does a chained cause."""
        caplog.set_level(logging.DEBUG)
        wire = Wire()
        told: list[Any] = []
        answers = [
            web.Response(status=500, text=SECRET),
            web.Response(body=b"{"),
            web.Response(status=302, headers={"Location": f"http://127.0.0.1/{SECRET}"}),
        ]
        async with scripted(lambda *_: answers.pop(), path=f"/v2/{SECRET}") as node:
            urls = [node.url] * 3 + [f"{NOBODY}/{SECRET}", f"nonsense://{SECRET}", SECRET]
            async with rpc_to(urls, QuickClock(), observe=wire) as rpc:
                for one in rpc.each():
                    with pytest.raises(NodeFailed) as failed:
                        await one.slot()
                    told.append(failed.value)
                told.append(repr(rpc))
        assert len(told) == len(urls) + 1
        shown = [text for one in told for text in _everything(one)]
        assert SECRET not in "".join([*shown, caplog.text, repr(wire.seen)])


def _everything(one: Any) -> list[str]:
    if not isinstance(one, BaseException):
        return [str(one)]
    shown = [str(one), repr(one), str(vars(one))]
    if one.__cause__ is not None:
        shown += _everything(one.__cause__)
    if one.__context__ is not None and not one.__suppress_context__:
        shown += _everything(one.__context__)
    return shown
