"""JSON-RPC over HTTP: one request or a batch, answered as Agave answers."""

import asyncio
import logging
import socket
import struct
from contextlib import suppress
from typing import Final

import orjson
from aiohttp import web
from attrs import define, field

from tillway.entrypoints.sandbox.chain.faults import Fault, Kind
from tillway.entrypoints.sandbox.chain.methods import METHODS
from tillway.entrypoints.sandbox.chain.node import Node
from tillway.entrypoints.sandbox.chain.params import Params
from tillway.entrypoints.sandbox.chain.wire import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    Json,
    RpcError,
)

MAX_BODY: Final = 1024 * 1024
MAX_BATCH: Final = 256
_UNCOUNTED: Final = "(unknown)"  # so that strangers' method names cannot fill the memory
_GAVE_UP: Final = 0.5  # seconds between looks whether a client still waits
_log = logging.getLogger(__name__)


def error_json(error: RpcError, number: Json = None) -> dict[str, Json]:
    """Put a refusal in its envelope."""
    return {"jsonrpc": "2.0", "error": error.json(), "id": number}


def parse(body: bytes) -> Json:
    """Read the request, or the refusal."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RpcError(PARSE_ERROR, "Parse error") from error


def checked(request: Json) -> tuple[str, Params]:
    """Read a single request's method and parameters, or the refusal."""
    if not isinstance(request, dict) or not isinstance(request.get("method"), str):
        raise RpcError(INVALID_REQUEST, "Invalid request")
    params = request.get("params")
    if params is not None and not isinstance(params, list):
        raise RpcError(-32602, "Invalid params: expected an array of parameters.")
    return request["method"], Params(params or [])


def number_of(request: Json) -> Json:
    """Find the id to answer with; None for what is none."""
    number = request.get("id") if isinstance(request, dict) else None
    return number if isinstance(number, str | int | float) else None


def is_notification(request: Json) -> bool:
    """Whether nobody waits for an answer (clients' keep-alives are such)."""
    return isinstance(request, dict) and "method" in request and "id" not in request


def answer(node: Node, request: Json) -> dict[str, Json]:
    """Carry out one request."""
    number = number_of(request)
    try:
        method, params = checked(request)
        return {"jsonrpc": "2.0", "result": _call(node, method, params), "id": number}
    except RpcError as error:
        return error_json(error, number)


def _call(node: Node, method: str, params: Params) -> Json:
    found = METHODS.get(method)
    node.calls[method if found else _UNCOUNTED] += 1
    if found is None:
        raise RpcError(METHOD_NOT_FOUND, "Method not found")
    node.chain.tick()
    try:
        return found(node, params)
    except RpcError:
        raise
    except Exception as error:
        _log.exception("the sandbox's chain failed at %s", method)
        raise RpcError(INTERNAL_ERROR, "Internal error") from error


@define(eq=False)
class Rpc:
    """The HTTP face of a node, with the node's faults. `closing` frees calls that hang."""

    node: Node
    closing: asyncio.Event = field(factory=asyncio.Event)

    async def post(self, request: web.Request) -> web.StreamResponse:
        """POST /: JSON-RPC."""
        body = await request.read()
        try:
            asked = parse(body)
        except RpcError as error:
            return reply(error_json(error))
        requests = asked if isinstance(asked, list) else [asked]
        if not 0 < len(requests) <= MAX_BATCH:
            return reply(error_json(RpcError(INVALID_REQUEST, "Invalid request")))
        methods = [name for each in requests if isinstance(name := _method(each), str)]
        await self._wait(methods)
        fault = self.node.faults.take(methods)
        if fault is not None:
            return await self._spoil(request, fault, requests, batch=isinstance(asked, list))
        return self._answer(requests, batch=isinstance(asked, list))

    async def _wait(self, methods: list[str]) -> None:
        if seconds := self.node.faults.latency(methods):
            await asyncio.sleep(seconds)

    def _answer(self, requests: list[Json], *, batch: bool) -> web.Response:
        answers = [answer(self.node, each) for each in requests if not is_notification(each)]
        if not answers:
            return web.Response()
        return reply(answers if batch else answers[0])

    async def _spoil(
        self, request: web.Request, fault: Fault, requests: list[Json], *, batch: bool
    ) -> web.StreamResponse:
        truth = None
        if fault.effective or fault.kind is Kind.TRUNCATED:
            truth = self._answer(requests, batch=batch)
        else:
            self.node.calls.update(name for each in requests if (name := _method(each)) in METHODS)
        if fault.kind is Kind.HANG:
            await self._hang(request)
        if fault.kind in (Kind.HANG, Kind.RESET):
            _reset(request)
        return _spoiled(fault, requests, truth, batch=batch)

    async def _hang(self, request: web.Request) -> None:
        while request.transport is not None and not request.transport.is_closing():
            with suppress(TimeoutError):
                await asyncio.wait_for(self.closing.wait(), _GAVE_UP)
                return


def _method(request: Json) -> Json:
    return request.get("method") if isinstance(request, dict) else None


def _spoiled(
    fault: Fault, requests: list[Json], truth: web.Response | None, *, batch: bool
) -> web.Response:
    match fault.kind:
        case Kind.HTTP_500:
            return web.Response(status=500, text="Internal Server Error")
        case Kind.HTTP_429:
            return web.Response(status=429, text="Too Many Requests", headers={"Retry-After": "1"})
        case Kind.TRUNCATED if truth is not None and isinstance(truth.body, bytes):
            half = truth.body[: len(truth.body) // 2]
            return web.Response(body=half, content_type="application/json")
    answers = [_instead(fault, number_of(each)) for each in requests]
    return reply(answers if batch else answers[0])


def _instead(fault: Fault, number: Json) -> Json:
    if fault.kind is Kind.ANSWER:
        return {"jsonrpc": "2.0", "result": fault.result, "id": number}
    return error_json(RpcError(fault.code, fault.message), number)


def _reset(request: web.Request) -> None:
    transport = request.transport
    sock = None if transport is None else transport.get_extra_info("socket")
    if transport is None or sock is None:
        return
    # Closing without lingering makes the peer see a reset, not an orderly end.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def reply(value: Json) -> web.Response:
    """JSON with Agave's content type."""
    return web.Response(body=orjson.dumps(value), content_type="application/json")
