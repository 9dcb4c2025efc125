"""Nothing that stands in a payment header makes the gateway fail, or give anything away."""

import base64
from collections.abc import Callable, Iterator

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.damage import Damage, damages
from support.fuzz import counted, inputs
from support.fuzz_payments import (
    LIMIT,
    Altered,
    Damaged,
    Sending,
    Sized,
    altered_payments,
    any_sending,
    damaged_payments,
    garbage,
    lone_json,
    sized_payments,
    usual_sending,
)
from support.raw_http import Reply, request
from support.served import Gateway
from support.verdicts import answered
from support.wire_payments import (
    VERSIONS,
    Payments,
    carrying,
    signed_again,
    spelling,
    transaction_of,
)
from tillway.core.contracts.counts import count

SPELLINGS: dict[str, Callable[[bytes], str]] = {
    "base32": lambda raw: base64.b32encode(raw).decode(),
    "hex": bytes.hex,
    "url-safe": lambda raw: base64.urlsafe_b64encode(raw + b"\xff\xff\xff").decode(),
    "lines": lambda raw: base64.encodebytes(raw).decode(),
    "no padding": lambda raw: base64.b64encode(raw).decode().rstrip("=")[:-1],
    "more padding": lambda raw: base64.b64encode(raw).decode() + "==",
    "twice": lambda raw: base64.b64encode(base64.b64encode(raw)).decode(),
    "latin": lambda raw: raw.decode("latin-1").replace("\0", "0"),
    "numbers": lambda raw: str([*raw]),
}
BUYERS = count(15, 300)
PAYWALL = (b"GET", b"/paywall/article")
VERIFY = (b"POST", b"/paywall/v1/verify")


def presented(gateway: Gateway, route: tuple[bytes, bytes], text: bytes) -> Reply:
    """Send a payment as the clients of version 2 do, or those before."""
    return answered(gateway.wire, request(*route, [(b"X-PAYMENT", base64.b64encode(text))]))


class TestHeaders:
    @inputs("garbage")
    @given(sending=any_sending, text=garbage | lone_json)
    def test_garbage(self, gateway: Gateway, sending: Sending, text: bytes) -> None:
        """Bytes and JSON of any kind, in either header, in any encoding, on every route."""
        answered(gateway.wire, sending.request(text))

    @inputs("altered")
    @given(sending=any_sending, payment=altered_payments)
    def test_altered_and_oddly_sent(
        self, gateway: Gateway, payments: Payments, sending: Sending, payment: Altered
    ) -> None:
        """Good payments with members changed, in any encoding."""
        answered(gateway.wire, sending.request(payment.text(payments)))

    @inputs("altered, well sent")
    @given(sending=usual_sending, payment=altered_payments)
    def test_altered(
        self, gateway: Gateway, payments: Payments, sending: Sending, payment: Altered
    ) -> None:
        """Good payments with members changed, as clients send them."""
        answered(gateway.wire, sending.request(payment.text(payments)))

    @inputs("sized")
    @given(sending=any_sending, payment=sized_payments)
    def test_sized(
        self, gateway: Gateway, payments: Payments, sending: Sending, payment: Sized
    ) -> None:
        """Good payments padded to lengths about the limit."""
        answered(gateway.wire, sending.request(payment.text(payments)))

    @pytest.mark.parametrize("version", VERSIONS)
    def test_the_limit_is_exact(self, gateway: Gateway, payments: Payments, version: str) -> None:
        """16 KiB are read, one byte more is refused as too long."""
        said = [
            answered(
                gateway.wire,
                request(*VERIFY, [(b"X-PAYMENT", Sized(version, length).text(payments))]),
            ).json()["error"]["message"]
            for length in (LIMIT, LIMIT + 1)
        ]
        assert ["is too long" in message for message in said] == [False, True]


class TestTransactions:
    @inputs("damaged")
    @given(sending=usual_sending, payment=damaged_payments)
    def test_damaged(
        self, gateway: Gateway, payments: Payments, sending: Sending, payment: Damaged
    ) -> None:
        """Bytes flipped, cut, put in and copied over, half of them signed anew."""
        answered(gateway.wire, sending.request(payment.text(payments)))

    @pytest.mark.parametrize("version", VERSIONS)
    @pytest.mark.parametrize("spell", list(SPELLINGS))
    def test_other_spellings(
        self, gateway: Gateway, payments: Payments, version: str, spell: str
    ) -> None:
        """None is taken for a transaction, even where it can be read as base64."""
        envelope = payments.envelope(version)
        text = SPELLINGS[spell](transaction_of(envelope))

        reply = presented(gateway, PAYWALL, orjson.dumps(spelling(envelope, text)))

        assert reply.status == 402
        assert reply.json()["error"] in (
            "invalid_payload",
            "invalid_exact_svm_payload_transaction_could_not_be_decoded",
        )

    def test_cut_at_every_byte(self, gateway: Gateway, payments: Payments) -> None:
        """No beginning of a transaction is one."""
        envelope = payments.envelope("v2")
        raw = transaction_of(envelope)
        for end in range(0, len(raw), count(12, 1)):
            text = orjson.dumps(carrying(envelope, raw[:end]))
            assert presented(gateway, PAYWALL, text).status in (400, 402)


class TestWhoCanPay:
    """A buyer who has enough, with transactions damaged and signed anew."""

    @pytest.fixture
    def rich(self, shared_gateway: Gateway) -> Iterator[Payments]:
        """Make payments of a buyer, and see that the merchant has what was granted."""
        before = shared_gateway.wealth()
        yield Payments(shared_gateway, shared_gateway.buyer(10**12))
        after = shared_gateway.wealth()
        granted = after.rows["payments"] - before.rows["payments"]
        # Each is told once and booked once, and both are facts.
        assert after.rows["events"] - before.rows["events"] == 2 * granted
        assert after.merchant - before.merchant == granted * 50_000

    @counted(BUYERS)
    @given(
        version=st.sampled_from([each for each in VERSIONS if each != "v0"]),
        damage=st.integers(1, 64).map(lambda place: Damage(flips=((place, 1),))) | damages,
    )
    def test_granted_is_paid(self, rich: Payments, version: str, damage: Damage) -> None:
        """Whatever is left of a payment is refused, or has moved the price."""
        envelope = rich.fresh()[version]
        broken = signed_again(damage.done_to(transaction_of(envelope)), rich.buyer)
        text = orjson.dumps(carrying(envelope, broken))
        before = rich.gateway.chain.do(rich.gateway.merchant.balance)

        reply = presented(rich.gateway, VERIFY, text)

        moved = rich.gateway.chain.do(rich.gateway.merchant.balance) - before
        assert moved == (50_000 if reply.status == 200 else 0)
