"""WebSocket connections: requests to subscribe in, notifications out."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

import orjson
from aiohttp import ClientConnectionResetError, WSCloseCode, WSMsgType, web
from attrs import define, field

from tillway.entrypoints.sandbox.chain.params import Config, Params
from tillway.entrypoints.sandbox.chain.pubsub import (
    ACCOUNT,
    SIGNATURE,
    SLOT,
    Hub,
    Subscription,
    Topic,
)
from tillway.entrypoints.sandbox.chain.rpc import (
    MAX_BATCH,
    MAX_BODY,
    checked,
    error_json,
    is_notification,
    number_of,
    parse,
)
from tillway.entrypoints.sandbox.chain.wire import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    Json,
    RpcError,
    invalid,
)

MAX_SUBSCRIPTIONS: Final = 10_000  # on one connection
MAX_CONNECTIONS: Final = 1_000
_BACKLOG: Final = 20_000  # messages that a slow reader may leave unread


def _signature(params: Params) -> tuple[Topic, Config]:
    return (SIGNATURE, params.signature(0)), params.config(1)


def _account(params: Params) -> tuple[Topic, Config]:
    return (ACCOUNT, str(params.pubkey(0))), params.config(1)


def _slot(params: Params) -> tuple[Topic, Config]:
    del params
    return (SLOT, ""), Config({})


_SUBSCRIBE: Final[dict[str, Callable[[Params], tuple[Topic, Config]]]] = {
    "signatureSubscribe": _signature,
    "accountSubscribe": _account,
    "slotSubscribe": _slot,
}
_UNSUBSCRIBE: Final = {f"{kind}Unsubscribe" for kind in (SIGNATURE, ACCOUNT, SLOT)}


@define(eq=False)
class Connection:
    """One client's subscriptions, and what is yet to be written to it."""

    hub: Hub
    subscriptions: dict[int, Subscription] = field(factory=dict)
    outbox: asyncio.Queue[bytes] = field(factory=lambda: asyncio.Queue(_BACKLOG))

    def send(self, value: Json) -> None:
        """Queue a message; a reader that falls far behind loses it, as on a real node."""
        if not self.outbox.full():
            self.outbox.put_nowait(orjson.dumps(value))

    def hear(self, text: str) -> None:
        """Answer one message, a request or a batch, in order."""
        try:
            asked = parse(text.encode())
        except RpcError as error:
            self.send(error_json(error))
            return
        requests = asked if isinstance(asked, list) else [asked]
        if not 0 < len(requests) <= MAX_BATCH:
            self.send(error_json(RpcError(INVALID_REQUEST, "Invalid request")))
            return
        for request in requests:
            if not is_notification(request):
                self._answer(request)

    def _answer(self, request: Json) -> None:
        number = number_of(request)
        try:
            method, params = checked(request)
            self.hub.node.chain.tick()
            if method in _SUBSCRIBE:
                self._subscribe(method, params, number)
            else:
                self._result(self._unsubscribe(method, params), number)
        except RpcError as error:
            self.send(error_json(error, number))

    def _result(self, result: Json, number: Json) -> None:
        self.send({"jsonrpc": "2.0", "result": result, "id": number})

    def _subscribe(self, method: str, params: Params, number: Json) -> None:
        self.hub.node.calls[method] += 1
        if len(self.subscriptions) >= MAX_SUBSCRIPTIONS:
            refused = "Internal Error: Subscription refused. Node subscription limit reached"
            raise RpcError(INTERNAL_ERROR, refused)
        topic, config = _SUBSCRIBE[method](params)
        _ = config.commitment  # refuses an unknown one
        made = self.hub.subscribe(topic, config, lambda news: self._notify(made, news), self._gone)
        self.subscriptions[made.number] = made
        self._result(made.number, number)
        self.hub.arm(made)

    def _gone(self, number: int) -> None:
        self.subscriptions.pop(number, None)

    def _notify(self, subscription: Subscription, result: Json) -> None:
        params = {"result": result, "subscription": subscription.number}
        method = f"{subscription.topic[0]}Notification"
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def _unsubscribe(self, method: str, params: Params) -> bool:
        if method not in _UNSUBSCRIBE:
            raise RpcError(METHOD_NOT_FOUND, "Method not found")
        self.hub.node.calls[method] += 1
        found = self.subscriptions.pop(params.integer(0), None)
        if found is None:
            raise invalid("Invalid subscription id.")
        self.hub.drop(found)
        return True

    def close(self) -> None:
        """Forget every subscription."""
        for subscription in self.subscriptions.values():
            self.hub.drop(subscription)
        self.subscriptions.clear()


@define(eq=False)
class Sockets:
    """Every open WebSocket of a node."""

    hub: Hub
    _open: set[web.WebSocketResponse] = field(factory=set)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """GET / with an upgrade: PubSub."""
        if self.hub.node.faults.refuse_pubsub or len(self._open) >= MAX_CONNECTIONS:
            return web.Response(status=503, text="PubSub is not available")
        socket = web.WebSocketResponse(max_msg_size=MAX_BODY)
        await socket.prepare(request)
        connection = Connection(self.hub)
        writer = asyncio.create_task(_write(connection, socket))
        self._open.add(socket)
        try:
            await _read(connection, socket)
        finally:
            self._open.discard(socket)
            connection.close()
            writer.cancel()
        return socket

    async def disconnect(self) -> None:
        """Close every connection, as a node does that restarts."""
        for socket in list(self._open):
            await socket.close(code=WSCloseCode.GOING_AWAY, message=b"the node goes away")


async def _read(connection: Connection, socket: web.WebSocketResponse) -> None:
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            connection.hear(message.data)
        elif message.type is WSMsgType.BINARY:
            await socket.close(code=WSCloseCode.UNSUPPORTED_DATA)


async def _write(connection: Connection, socket: web.WebSocketResponse) -> None:
    # The reader notices a lost client and ends this task; until then there is no one to write to.
    with contextlib.suppress(ClientConnectionResetError):
        while True:
            await socket.send_frame(await connection.outbox.get(), WSMsgType.TEXT)
