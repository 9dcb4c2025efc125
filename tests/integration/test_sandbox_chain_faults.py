"""The sandbox's nodes do wrong on demand, and only then."""

import asyncio
import json
import time
from typing import Any

import aiohttp
import pytest

from support.chain import (
    CONFIRMED,
    USDC,
    Caller,
    Hand,
    Wallet,
    blockhash_of,
    funded,
    pay,
)
from tillway.entrypoints.sandbox.chain import Chain, Faults, Kind, Served, serve_chain

BODY = {"jsonrpc": "2.0", "id": 1, "method": "getSlot"}


class TestSpoiledAnswers:
    @pytest.mark.parametrize(("kind", "status"), [(Kind.HTTP_500, 500), (Kind.HTTP_429, 429)])
    async def test_http_errors(self, node: Served, rpc: Caller, kind: Kind, status: int) -> None:
        """So many calls fail, and the next one works."""
        node.faults.spoil(kind, "getSlot", times=2)
        for expected in (status, status, 200):
            async with rpc.session.post(rpc.url, json=BODY) as response:
                assert response.status == expected
        assert node.node.calls["getSlot"] == 3

    async def test_other_methods_are_spared(self, node: Served, rpc: Caller) -> None:
        """A fault of one method is not a fault of another."""
        node.faults.spoil(Kind.HTTP_500, "sendTransaction")
        assert await rpc.call("getSlot") > 0

    async def test_a_batch_shares_its_fate(self, node: Served, rpc: Caller) -> None:
        """One spoiled call spoils the whole HTTP answer."""
        node.faults.spoil(Kind.HTTP_500, "getHealth", times=1)
        batch = [BODY, {**BODY, "method": "getHealth"}]
        async with rpc.session.post(rpc.url, json=batch) as response:
            assert response.status == 500
        assert len(await rpc.raw(batch)) == 2

    async def test_truncated_json(self, node: Served, rpc: Caller) -> None:
        """Half an answer, which no parser takes."""
        node.faults.spoil(Kind.TRUNCATED, times=1)
        async with rpc.session.post(rpc.url, json=BODY) as response:
            assert response.status == 200
            with pytest.raises(json.JSONDecodeError):
                json.loads(await response.text())

    async def test_a_reset_connection(self, node: Served, rpc: Caller) -> None:
        """The client sees the connection break, not an answer."""
        node.faults.spoil(Kind.RESET, times=1)
        with pytest.raises(aiohttp.ClientConnectionError):
            await rpc.call("getSlot")
        assert await rpc.call("getSlot") > 0

    async def test_a_hanging_call(self, node: Served, rpc: Caller) -> None:
        """No answer comes while others are served."""
        node.faults.spoil(Kind.HANG, "getSlot", times=1)
        hanging = asyncio.create_task(rpc.call("getSlot"))
        assert await rpc.call("getHealth") == "ok"
        done, _ = await asyncio.wait([hanging], timeout=0.2)
        assert not done
        hanging.cancel()

    async def test_a_hanging_call_does_not_hold_up_the_end(self, hand: Hand) -> None:
        """Closing the server ends it at once."""
        async with aiohttp.ClientSession() as session:
            async with serve_chain(Chain(clock=hand)) as served:
                served.faults.spoil(Kind.HANG)
                hanging = asyncio.create_task(Caller(served.rpc_url, session).call("getSlot"))
                await asyncio.sleep(0.05)
                began = time.monotonic()
            assert time.monotonic() - began < 3
            with pytest.raises(aiohttp.ClientConnectionError):
                await hanging

    async def test_a_json_rpc_error(self, node: Served, rpc: Caller) -> None:
        """Any code and message can be had."""
        node.faults.spoil(Kind.ERROR, "getSlot", code=-32005, message="Node is behind by 9 slots")
        error = await rpc.error("getSlot")
        assert error == {"code": -32005, "message": "Node is behind by 9 slots"}

    @pytest.mark.parametrize("value", [[], [None], None, "x", [{"err": None}]])
    async def test_a_wrong_answer(self, node: Served, rpc: Caller, value: Any) -> None:
        """Empty, null or senseless statuses, in a good envelope."""
        result = {"context": {"slot": 1}, "value": value}
        node.faults.spoil(Kind.ANSWER, "getSignatureStatuses", result=result)
        assert await rpc.value("getSignatureStatuses", []) == value

    async def test_a_lost_reply(self, chain: Chain, node: Served, rpc: Caller) -> None:
        """An effective fault lets the transaction land and loses the answer."""
        buyer, shop = funded(chain, 100), funded(chain)
        for landed, effective in enumerate((False, True)):
            node.faults.spoil(Kind.RESET, "sendTransaction", times=1, effective=effective)
            payment = pay(buyer, shop.address, 1, blockhash_of(chain))
            with pytest.raises(aiohttp.ClientConnectionError):
                await rpc.send(payment)
            assert shop.balance(chain) == landed


class TestTime:
    async def test_latency_by_method(self, node: Served, rpc: Caller) -> None:
        """One method is slow, the rest is not."""
        node.faults.latency_ms = {"getSlot": 300}

        async def took(method: str) -> float:
            began = time.monotonic()
            await rpc.call(method)
            return time.monotonic() - began

        assert await took("getSlot") >= 0.3
        assert await took("getHealth") < 0.3
        node.faults.latency_ms = {"*": 300, "getSlot": 0}
        assert await took("getHealth") >= 0.3
        assert await took("getSlot") < 0.3

    async def test_latencies_run_side_by_side(self, node: Served, rpc: Caller) -> None:
        """Ten slow calls take as long as one."""
        node.faults.latency_ms = {"*": 200}
        began = time.monotonic()
        await asyncio.gather(*(rpc.call("getSlot") for _ in range(10)))
        assert time.monotonic() - began < 1.5

    async def test_a_late_delivery(
        self, chain: Chain, node: Served, rpc: Caller, hand: Hand
    ) -> None:
        """The transaction lands at its time, in the slot of that time."""
        node.faults.deliver_after_ms = 2_000
        buyer, shop = funded(chain, 100), funded(chain)
        before = await rpc.call("getSlot", {"commitment": "processed"})
        signature = await rpc.send(pay(buyer, shop.address, 1, blockhash_of(chain)))
        hand.slots(4)
        assert await rpc.status(signature) is None
        hand.slots(3)
        assert (await rpc.status(signature))["slot"] == before + 5
        assert shop.balance(chain) == 1

    async def test_a_delivery_after_the_blockhash_died_never_lands(
        self, chain: Chain, node: Served, rpc: Caller, hand: Hand
    ) -> None:
        """Even when the clock jumps over both moments at once."""
        node.faults.deliver_after_ms = 61_000
        buyer, shop = funded(chain, 100), funded(chain)
        signature = await rpc.send(pay(buyer, shop.address, 1, blockhash_of(chain)))
        hand.forward(3_600)
        assert await rpc.status(signature, searchTransactionHistory=True) is None
        assert shop.balance(chain) == 0

    async def test_a_late_delivery_is_judged_when_it_arrives(
        self, chain: Chain, node: Served, rpc: Caller, hand: Hand
    ) -> None:
        """A balance that has gone meanwhile makes it a landed failure."""
        node.faults.deliver_after_ms = 2_000
        buyer, shop = funded(chain, 100), funded(chain)
        signature = await rpc.send(pay(buyer, shop.address, 100, blockhash_of(chain)))
        assert chain.land(pay(buyer, shop.address, 1, blockhash_of(chain))) is not None
        hand.slots(5)
        assert (await rpc.status(signature))["err"] == {"InstructionError": [2, {"Custom": 1}]}


class TestLosses:
    async def test_the_next_transactions_are_dropped(
        self, chain: Chain, node: Served, rpc: Caller
    ) -> None:
        """Accepted with a signature, and never seen again; a resend lands."""
        node.faults.drop_next = 2
        buyer, shop = funded(chain, 100), funded(chain)
        payment = pay(buyer, shop.address, 1, blockhash_of(chain))
        for landed in (0, 0, 1):
            assert await rpc.send(payment) == str(payment.signatures[0])
            assert chain.landings.total == landed

    async def test_all_transactions_are_dropped(
        self, chain: Chain, node: Served, rpc: Caller
    ) -> None:
        """Until it is lifted."""
        node.faults.drop_all = True
        buyer, shop = funded(chain, 100), funded(chain)
        for _ in range(5):
            await rpc.send(pay(buyer, shop.address, 1, blockhash_of(chain)))
        assert chain.landings.total == 0
        node.faults.clear()
        await rpc.send(pay(buyer, shop.address, 1, blockhash_of(chain)))
        assert chain.landings.total == 1


class TestTwoNodes:
    @pytest.fixture
    async def stale(self, chain: Chain, rpc: Caller) -> Any:
        async with serve_chain(chain, faults=Faults(behind_slots=20)) as served:
            yield Caller(served.rpc_url, rpc.session)

    async def test_a_stale_node_reports_a_lower_tip(self, rpc: Caller, stale: Caller) -> None:
        """Slot and height are behind by what was asked for."""
        for method in ("getSlot", "getBlockHeight"):
            fresh, old = [await each.call(method, CONFIRMED) for each in (rpc, stale)]
            assert fresh - old == 20

    async def test_a_stale_node_hides_what_landed(
        self, chain: Chain, rpc: Caller, stale: Caller, hand: Hand
    ) -> None:
        """It has not heard of the transaction until it has caught up."""
        buyer, shop = funded(chain, 100), funded(chain)
        payment = pay(buyer, shop.address, 1, blockhash_of(chain))
        signature = await rpc.send(payment)
        hand.slots(2)
        assert (await rpc.status(signature))["confirmationStatus"] == "confirmed"
        assert await stale.status(signature, searchTransactionHistory=True) is None
        assert await stale.fetch(signature) is None
        assert await stale.call("getSignaturesForAddress", str(shop.account()), CONFIRMED) == []
        hand.slots(18)
        assert (await stale.status(signature))["confirmationStatus"] == "processed"

    async def test_a_stale_node_does_not_know_a_fresh_blockhash(
        self, chain: Chain, rpc: Caller, stale: Caller
    ) -> None:
        """What one node simulates gladly the other has never heard of."""
        buyer, shop = funded(chain, 100), funded(chain)
        payment = pay(buyer, shop.address, 1, blockhash_of(chain))
        assert (await rpc.simulate(payment))["err"] is None
        assert (await stale.simulate(payment))["err"] == "BlockhashNotFound"

    async def test_a_frozen_node_stays_where_it_is(
        self, chain: Chain, node: Served, rpc: Caller, hand: Hand
    ) -> None:
        """Time passes it by."""
        before = await rpc.call("getSlot", CONFIRMED)
        await rpc.control(frozen_at=hand.now)
        hand.slots(50)
        assert await rpc.call("getSlot", CONFIRMED) == before
        await rpc.control(frozen_at=None)
        assert await rpc.call("getSlot", CONFIRMED) == before + 50

    async def test_a_pruned_node_has_forgotten(
        self, chain: Chain, node: Served, rpc: Caller, hand: Hand
    ) -> None:
        """History before its first available block is gone, and it says where it begins."""
        buyer, shop = funded(chain, 100), funded(chain)
        signature = await rpc.send(pay(buyer, shop.address, 1, blockhash_of(chain)))
        hand.slots(10)
        await rpc.control(first_available_slot=await rpc.call("getSlot", CONFIRMED))
        assert await rpc.status(signature, searchTransactionHistory=True) is None
        assert await rpc.call("getFirstAvailableBlock") > 300_000


class TestControl:
    async def test_settings_are_shown_and_changed(self, node: Served, rpc: Caller) -> None:
        """What is not named stays as it is."""
        await rpc.control(drop_next=3)
        shown = await rpc.control(latency_ms={"*": 5}, confirm_delay_ms=800)
        assert (shown["drop_next"], shown["latency_ms"]) == (3, {"*": 5.0})
        assert (node.faults.drop_next, node.node.chain.confirm_delay_ms) == (3, 800)
        async with rpc.session.get(f"{rpc.url}/_control") as response:
            assert await response.json() == shown

    async def test_spoiled_answers_by_http(self, rpc: Caller) -> None:
        """The list of faults is set as a whole."""
        await rpc.control(spoiled=[{"kind": "http_500", "method": "getSlot", "times": 1}])
        async with rpc.session.post(rpc.url, json=BODY) as response:
            assert response.status == 500
        assert await rpc.call("getSlot") > 0

    @pytest.mark.parametrize(
        "body",
        [
            "{",
            "[]",
            '{"drop_nxt": 1}',
            '{"drop_next": -1}',
            '{"drop_next": "many"}',
            '{"confirm_delay_ms": -1}',
            '{"confirm_delay_ms": 1.5}',
            '{"spoiled": [{"kind": "fire"}]}',
            '{"spoiled": [{}]}',
        ],
    )
    async def test_bad_settings_change_nothing(self, node: Served, rpc: Caller, body: str) -> None:
        """400 and the reason."""
        async with rpc.session.post(f"{rpc.url}/_control", data=body) as response:
            assert response.status == 400
            assert (await response.json())["error"]
        assert node.faults == Faults()

    async def test_wallets_are_funded_by_http(self, chain: Chain, rpc: Caller) -> None:
        """Lamports and minor units, with the account that they went to."""
        wallet = Wallet()
        body = {"owner": str(wallet.address), "mint": str(USDC.mint), "amount": 5, "lamports": 7}
        async with rpc.session.post(f"{rpc.url}/_control/fund", json=body) as response:
            assert await response.json() == {"token_account": str(wallet.account())}
        assert (wallet.balance(chain), chain.lamports(wallet.address)) == (5, 7)
        for wrong in ({}, {**body, "amount": -1}, {**body, "mint": "x"}, {**body, "owner": 7}):
            async with rpc.session.post(f"{rpc.url}/_control/fund", json=wrong) as response:
                assert response.status == 400


class TestFork:
    """The chain goes on without a block that was confirmed."""

    async def test_the_money_is_back_and_the_message_can_run_again(
        self, chain: Chain, rpc: Caller
    ) -> None:
        """Amounts and fees are as before; nobody knows of it; it lands again under its name."""
        buyer, seller = funded(chain, 500), funded(chain)
        before = chain.lamports(buyer.address)
        transaction = pay(buyer, seller.address, 200, blockhash_of(chain))
        signature = await rpc.send(transaction)
        assert seller.balance(chain) == 200

        await rpc.control(fork=signature)

        assert (buyer.balance(chain), seller.balance(chain)) == (500, 0)
        assert chain.lamports(buyer.address) == before
        assert await rpc.status(signature, searchTransactionHistory=True) is None
        assert await rpc.call("getSignaturesForAddress", str(buyer.address), CONFIRMED) == []
        assert await rpc.send(transaction) == signature
        assert seller.balance(chain) == 200

    async def test_what_came_after_it_stays(self, chain: Chain, rpc: Caller) -> None:
        """Only its own changes are undone."""
        buyer, seller = funded(chain, 500), funded(chain)
        first = await rpc.send(pay(buyer, seller.address, 200, blockhash_of(chain)))
        await rpc.send(pay(buyer, seller.address, 50, blockhash_of(chain)))

        await rpc.control(fork=first)

        assert (buyer.balance(chain), seller.balance(chain)) == (450, 50)

    async def test_what_is_final_stays_for_good(
        self, chain: Chain, rpc: Caller, hand: Hand
    ) -> None:
        """No fork reaches behind a root."""
        buyer, seller = funded(chain, 500), funded(chain)
        signature = await rpc.send(pay(buyer, seller.address, 200, blockhash_of(chain)))
        hand.slots(33)

        await rpc.control(fork=signature)

        assert seller.balance(chain) == 200
        assert chain.landings.get(signature) is not None
        assert not chain.fork("nobody")
