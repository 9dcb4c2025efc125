"""The sandbox's PubSub tells what happened, when it is due, once."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from attrs import define, field
from solders.keypair import Keypair

from support.chain import (
    CONFIRMED,
    USDC,
    Caller,
    Hand,
    blockhash_of,
    funded,
    pay,
)
from tillway.entrypoints.sandbox.chain import Chain, Served
from tillway.entrypoints.sandbox.chain.rpc import MAX_BODY
from tillway.entrypoints.sandbox.chain.slots import FINALITY

LONG_ENOUGH = 10.0
SHORT = 0.15  # three heartbeats of the hub


@define
class Ears:
    """A WebSocket that asks and listens."""

    socket: aiohttp.ClientWebSocketResponse
    _number: int = field(default=0, init=False)
    news: list[Any] = field(factory=list, init=False)

    async def ask(self, method: str, *params: Any) -> Any:
        """Give the whole answer to one request; news on the way are kept."""
        self._number += 1
        request = {"jsonrpc": "2.0", "id": self._number, "method": method, "params": params}
        await self.socket.send_json(request)
        while "id" not in (heard := await self._receive()):
            self.news.append(heard)
        assert heard["id"] == self._number
        return heard

    async def subscribe(self, kind: str, *params: Any) -> int:
        """Give the number of a new subscription."""
        return int((await self.ask(f"{kind}Subscribe", *params))["result"])

    async def hear(self) -> Any:
        """Give the next notification."""
        return self.news.pop(0) if self.news else await self._receive()

    async def silent(self) -> bool:
        """Whether nothing comes for a while."""
        try:
            self.news.append(await asyncio.wait_for(self.socket.receive_json(), SHORT))
        except TimeoutError:
            return True
        return False

    async def _receive(self) -> Any:
        return await asyncio.wait_for(self.socket.receive_json(), LONG_ENOUGH)


@pytest.fixture
async def ears(node: Served, rpc: Caller) -> AsyncIterator[Ears]:
    async with rpc.session.ws_connect(node.ws_url) as socket:
        yield Ears(socket)


class TestSignatures:
    @pytest.mark.parametrize(
        ("commitment", "slots"), [("processed", 0), ("confirmed", 1), ("finalized", FINALITY)]
    )
    async def test_the_news_come_at_the_commitment(
        self, chain: Chain, rpc: Caller, ears: Ears, hand: Hand, commitment: str, slots: int
    ) -> None:
        """Not before, and then with the number of the subscription."""
        payment = pay(funded(chain, 9), funded(chain).address, 1, blockhash_of(chain))
        signature = str(payment.signatures[0])
        number = await ears.subscribe("signature", signature, {"commitment": commitment})
        await rpc.send(payment)
        if slots:
            hand.slots(slots - 1)
            assert await ears.silent()
            hand.slots(1)
        heard = await ears.hear()
        assert heard["method"] == "signatureNotification"
        assert heard["params"]["subscription"] == number
        assert heard["params"]["result"]["value"] == {"err": None}
        assert heard["params"]["result"]["context"]["slot"] > 0

    async def test_a_failure_is_told_with_its_error(
        self, chain: Chain, rpc: Caller, ears: Ears, hand: Hand
    ) -> None:
        """A subscriber must not take landing for success."""
        payment = pay(funded(chain, 1), funded(chain).address, 2, blockhash_of(chain))
        await ears.subscribe("signature", str(payment.signatures[0]), CONFIRMED)
        await rpc.send(payment, skipPreflight=True)
        hand.slots(1)
        heard = await ears.hear()
        expected = {"err": {"InstructionError": [2, {"Custom": 1}]}}
        assert heard["params"]["result"]["value"] == expected

    async def test_what_has_landed_before_is_told_at_once(
        self, chain: Chain, rpc: Caller, ears: Ears, hand: Hand
    ) -> None:
        """A late subscriber waits for nothing, and hears the answer to its request first."""
        payment = pay(funded(chain, 9), funded(chain).address, 1, blockhash_of(chain))
        signature = await rpc.send(payment)
        hand.slots(1)
        await ears.subscribe("signature", signature, CONFIRMED)
        assert (await ears.hear())["params"]["result"]["value"] == {"err": None}

    async def test_it_is_told_once(self, chain: Chain, rpc: Caller, ears: Ears, hand: Hand) -> None:
        """The subscription ends with its notification, and unsubscribing is then an error."""
        payment = pay(funded(chain, 9), funded(chain).address, 1, blockhash_of(chain))
        signature = str(payment.signatures[0])
        number = await ears.subscribe("signature", signature, {"commitment": "processed"})
        await rpc.send(payment)
        await ears.hear()
        hand.slots(40)
        assert await ears.silent()
        answer = await ears.ask("signatureUnsubscribe", number)
        assert answer["error"] == {"code": -32602, "message": "Invalid subscription id."}

    async def test_who_unsubscribes_hears_nothing(
        self, chain: Chain, rpc: Caller, ears: Ears, hand: Hand
    ) -> None:
        """Unsubscribing answers true and holds, even for a landing on its way."""
        payment = pay(funded(chain, 9), funded(chain).address, 1, blockhash_of(chain))
        number = await ears.subscribe("signature", str(payment.signatures[0]), CONFIRMED)
        await rpc.send(payment)
        assert (await ears.ask("signatureUnsubscribe", number))["result"] is True
        hand.slots(1)
        assert await ears.silent()

    async def test_many_wait_at_once(
        self, chain: Chain, rpc: Caller, ears: Ears, hand: Hand
    ) -> None:
        """Each of a hundred subscriptions hears of its own signature."""
        buyer, shop = funded(chain, 1_000), funded(chain)
        payments = [pay(buyer, shop.address, 1, blockhash_of(chain)) for _ in range(100)]
        numbers = {
            await ears.subscribe("signature", str(each.signatures[0]), CONFIRMED)
            for each in payments
        }
        for each in payments:
            chain.land(each)
        hand.slots(1)
        heard = {(await ears.hear())["params"]["subscription"] for _ in payments}
        assert heard == numbers
        assert len(heard) == 100

    async def test_a_longer_delay_is_waited_for(
        self, chain: Chain, rpc: Caller, ears: Ears, hand: Hand
    ) -> None:
        """The delay in force when it would be told is the one that counts."""
        payment = pay(funded(chain, 9), funded(chain).address, 1, blockhash_of(chain))
        await ears.subscribe("signature", str(payment.signatures[0]), CONFIRMED)
        await rpc.send(payment)
        chain.confirm_delay_ms = 2_000
        hand.slots(4)
        assert await ears.silent()
        hand.slots(1)
        assert (await ears.hear())["method"] == "signatureNotification"


class TestSlots:
    async def test_slots_are_told_as_they_pass(self, ears: Ears, rpc: Caller, hand: Hand) -> None:
        """With their parent and the root, and nothing while time stands still."""
        number = await ears.subscribe("slot")
        assert await ears.silent()
        hand.slots(1)
        slot = await rpc.call("getSlot", {"commitment": "processed"})
        heard = (await ears.hear())["params"]
        expected = {"parent": slot - 1, "root": slot - FINALITY, "slot": slot}
        assert heard == {"result": expected, "subscription": number}
        assert (await ears.ask("slotUnsubscribe", number))["result"] is True
        hand.slots(1)
        assert await ears.silent()


class TestAccounts:
    async def test_a_change_is_told_with_the_account(
        self, chain: Chain, rpc: Caller, ears: Ears, hand: Hand
    ) -> None:
        """In the encoding asked for, at each landing that names it."""
        buyer, shop = funded(chain, 9), funded(chain)
        config = {"encoding": "jsonParsed", "commitment": "confirmed"}
        await ears.subscribe("account", str(shop.account()), config)
        for expected in ("1", "2"):
            await rpc.send(pay(buyer, shop.address, 1, blockhash_of(chain)))
            hand.slots(1)
            heard = await ears.hear()
            assert heard["method"] == "accountNotification"
            parsed = heard["params"]["result"]["value"]["data"]["parsed"]
            assert parsed["info"]["tokenAmount"]["amount"] == expected


class TestBadRequests:
    @pytest.mark.parametrize(
        ("method", "params", "code"),
        [
            ("signatureSubscribe", [], -32602),
            ("signatureSubscribe", ["short"], -32602),
            ("signatureSubscribe", [7], -32602),
            ("signatureUnsubscribe", [99], -32602),
            ("signatureUnsubscribe", ["x"], -32602),
            ("accountSubscribe", ["x"], -32602),
            ("voteSubscribe", [], -32601),
            ("getSlot", [], -32601),
        ],
    )
    async def test_each_gets_its_code(
        self, ears: Ears, method: str, params: list[Any], code: int
    ) -> None:
        """The connection stays open."""
        assert (await ears.ask(method, *params))["error"]["code"] == code
        assert await ears.subscribe("slot") > 0

    async def test_an_unknown_commitment_is_refused(self, ears: Ears) -> None:
        """It is not taken for the default."""
        signature = str(Keypair().sign_message(b""))
        answer = await ears.ask("signatureSubscribe", signature, {"commitment": "soon"})
        assert answer["error"]["code"] == -32602

    @pytest.mark.parametrize("body", ["{", "[]", "7", '[{"method":7,"id":1}]'])
    async def test_what_is_no_request_is_answered(self, ears: Ears, body: str) -> None:
        """With an error and no end of the connection."""
        await ears.socket.send_str(body)
        heard = await asyncio.wait_for(ears.socket.receive_json(), LONG_ENOUGH)
        assert heard["error"]["code"] in (-32700, -32600)
        assert await ears.subscribe("slot") > 0

    async def test_keep_alives_get_no_answer(self, ears: Ears) -> None:
        """Libraries send a ping without an id every few seconds."""
        await ears.socket.send_str('{"jsonrpc":"2.0","method":"ping"}')
        assert await ears.silent()

    async def test_a_large_message_ends_the_connection(self, ears: Ears) -> None:
        """Messages are bounded like bodies."""
        await ears.socket.send_str(" " * (MAX_BODY + 1))
        message = await asyncio.wait_for(ears.socket.receive(), LONG_ENOUGH)
        assert message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)


class TestConnections:
    async def test_a_lost_connection_leaves_nothing_behind(
        self, chain: Chain, node: Served, rpc: Caller, hand: Hand
    ) -> None:
        """Its subscriptions go with it, and the others hear on."""
        buyer, shop = funded(chain, 9), funded(chain)
        payment = pay(buyer, shop.address, 1, blockhash_of(chain))
        signature = str(payment.signatures[0])
        async with rpc.session.ws_connect(node.ws_url) as staying:
            ears = Ears(staying)
            await ears.subscribe("signature", signature, CONFIRMED)
            async with rpc.session.ws_connect(node.ws_url) as leaving:
                await Ears(leaving).subscribe("signature", signature, CONFIRMED)
            await rpc.send(payment)
            hand.slots(1)
            assert (await ears.hear())["params"]["result"]["value"] == {"err": None}

    async def test_it_can_be_cut_off(self, ears: Ears, rpc: Caller) -> None:
        """On demand every connection is closed, as by a node that restarts."""
        await ears.subscribe("slot")
        await rpc.control(disconnect=True)
        message = await asyncio.wait_for(ears.socket.receive(), LONG_ENOUGH)
        assert message.type is aiohttp.WSMsgType.CLOSE
        assert message.data == aiohttp.WSCloseCode.GOING_AWAY

    async def test_it_can_be_refused(self, node: Served, rpc: Caller) -> None:
        """On demand no WebSocket is accepted, so that clients must poll."""
        node.faults.refuse_pubsub = True
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await rpc.session.ws_connect(node.ws_url)
        assert refused.value.status == 503

    async def test_it_can_fall_silent(
        self, chain: Chain, node: Served, rpc: Caller, ears: Ears, hand: Hand
    ) -> None:
        """On demand subscriptions are taken and never served."""
        node.faults.mute = True
        payment = pay(funded(chain, 9), funded(chain).address, 1, blockhash_of(chain))
        await ears.subscribe("signature", str(payment.signatures[0]), CONFIRMED)
        await ears.subscribe("account", str(USDC.mint))
        await rpc.send(payment)
        hand.slots(40)
        assert await ears.silent()
