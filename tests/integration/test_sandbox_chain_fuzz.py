"""Nothing that a client sends makes the sandbox's chain fail."""

import base64
import logging
import random
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.chain import Hand, blockhash_of, funded, pay, text
from tillway.core.contracts.counts import count
from tillway.entrypoints.sandbox.chain import Chain, Node
from tillway.entrypoints.sandbox.chain.methods import METHODS
from tillway.entrypoints.sandbox.chain.pubsub import Hub
from tillway.entrypoints.sandbox.chain.rpc import answer
from tillway.entrypoints.sandbox.chain.sockets import Connection
from tillway.entrypoints.sandbox.chain.transactions import from_wire, with_blockhash
from tillway.entrypoints.sandbox.chain.transcript import transaction_json
from tillway.entrypoints.sandbox.chain.wire import INTERNAL_ERROR, RpcError

CASES = count(400, 10_000)
QUICK = settings(
    max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck), database=None
)

CHAIN = Chain(clock=Hand())
NODE = Node(chain=CHAIN)
BUYER, SHOP = funded(CHAIN, 10**9), funded(CHAIN)
ADDRESSES = [str(each) for each in (BUYER.address, BUYER.account(), SHOP.account())]

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=90)
known = st.sampled_from(
    [*ADDRESSES, "confirmed", "processed", "base64", "jsonParsed", "base58", "mint", "1" * 64]
)
NAMES = (
    "encoding commitment minContextSlot dataSlice offset length limit mint programId accounts "
    "addresses before until sigVerify skipPreflight replaceRecentBlockhash innerInstructions "
    "searchTransactionHistory maxSupportedTransactionVersion preflightCommitment"
)
keys = st.sampled_from(NAMES.split())
anything = st.recursive(
    scalars | known,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=8,
)


def ask(method: Any, params: Any) -> Any:
    """Ask the node, and give the answer that went through JSON."""
    request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    found = orjson.loads(orjson.dumps(answer(NODE, request)))
    assert ("result" in found) != ("error" in found)
    assert found.get("error", {}).get("code") != INTERNAL_ERROR, found
    return found


def broken_payments(*, legacy: bool) -> Iterator[bytes]:
    """Change up to four bytes of a payment's message, and now and then cut its end off."""
    chance = random.Random(7)
    wire = bytes(pay(BUYER, SHOP.address, 1, blockhash_of(CHAIN), legacy=legacy))
    for _ in range(CASES):
        broken = bytearray(wire)
        for _ in range(chance.randint(1, 4)):
            broken[chance.randrange(65, len(broken))] = chance.randrange(256)
        yield bytes(broken[: chance.choice([None, None, None, chance.randrange(len(broken))])])


class TestFuzz:
    @QUICK
    @given(method=st.sampled_from(sorted(METHODS)), params=st.lists(anything, max_size=3))
    def test_any_parameters_get_an_answer(self, method: str, params: list[Any]) -> None:
        """A result or a refusal, and never an internal error."""
        ask(method, params)

    @QUICK
    @given(request=anything)
    def test_any_request_gets_an_answer(self, request: Any) -> None:
        """Whatever JSON it is."""
        found = answer(NODE, request)
        assert ("result" in found) != ("error" in found)

    @QUICK
    @given(
        message=st.text(max_size=200)
        | anything.map(lambda each: orjson.dumps(_sane(each)).decode())
    )
    def test_any_message_on_a_socket_gets_an_answer(self, message: str) -> None:
        """Or none where none is due."""
        connection = Connection(Hub(NODE))
        connection.hear(message)
        while not connection.outbox.empty():
            assert b"jsonrpc" in connection.outbox.get_nowait()

    @pytest.mark.parametrize("legacy", [False, True], ids=["v0", "legacy"])
    def test_broken_transactions_are_refused_or_run(
        self, caplog: pytest.LogCaptureFixture, legacy: bool
    ) -> None:
        """Bytes of a payment changed or cut off, simulated and sent with and without preflight."""
        for broken in broken_payments(legacy=legacy):
            sent = base64.b64encode(broken).decode()
            config = {"encoding": "base64", "commitment": "processed"}
            ask("simulateTransaction", [sent, {**config, "replaceRecentBlockhash": True}])
            ask("sendTransaction", [sent, config])
            ask("sendTransaction", [sent, {**config, "skipPreflight": True}])
        assert not [each for each in caplog.records if each.levelno >= logging.ERROR]

    @pytest.mark.parametrize("legacy", [False, True], ids=["v0", "legacy"])
    def test_broken_transactions_can_land(self, legacy: bool) -> None:
        """Signed after they were broken, they succeed or fail, and each is shown in full."""
        landed = []
        for broken in broken_payments(legacy=legacy):
            try:
                transaction = from_wire(broken)
            except RpcError:
                continue
            fresh = with_blockhash(transaction, blockhash_of(CHAIN))
            landed.append(CHAIN.land(fresh, verified=True))
        for record in filter(None, landed):
            for encoding in ("json", "jsonParsed", "base64"):
                assert orjson.dumps(transaction_json(record, encoding, 0))
        assert any(record and record.err for record in landed)

    def test_a_good_payment_still_runs_after_all_that(self) -> None:
        """Nothing was broken on the way."""
        before = SHOP.balance(CHAIN)
        payment = pay(BUYER, SHOP.address, 1, blockhash_of(CHAIN))
        found = ask(
            "sendTransaction",
            [text(payment), {"encoding": "base64", "preflightCommitment": "confirmed"}],
        )
        assert found["result"] == str(payment.signatures[0])
        assert SHOP.balance(CHAIN) == before + 1


def _sane(value: Any) -> Any:
    """Leave out what JSON cannot carry, as the sender's library would."""
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return 0
    if isinstance(value, list):
        return [_sane(each) for each in value]
    if isinstance(value, dict):
        return {key: _sane(each) for key, each in value.items()}
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
