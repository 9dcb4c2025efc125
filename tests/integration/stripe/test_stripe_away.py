"""Stripe away, slow, overloaded or lying: what is known of a write, and when it is left alone."""

import asyncio
import logging
import socket

import pytest

from support.manual_clock import ManualClock
from support.stripe_objects import session
from support.stripe_rails import KEY, checkout, order, stripe_rail
from support.stripe_wire import Asked, Fault, Says, StripeWire, error
from tillway.adapters.stripe.rail import StripeRail
from tillway.core.errors import Code, Declined, TillwayError, Unavailable, Unsettled

OPEN = Says(session(status="open", payment_status="unpaid"))
DOWN = error(500, "api_error")
LIMITED = error(429)


def free_port() -> int:
    """Give a port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


class TestRetries:
    @pytest.mark.parametrize("trouble", [DOWN, LIMITED, Fault.DROP, error(409)])
    async def test_trouble_that_passes_is_not_noticed(
        self, wire: StripeWire, rail: StripeRail, trouble: Says | Fault
    ) -> None:
        """Two more tries, under the same key."""
        wire.say(trouble, trouble, OPEN)

        assert (await rail.open(order())).id == "cs_test_1"
        assert len(wire.asked) == 3
        assert len({one.key for one in wire.asked}) == 1

    async def test_the_package_repeats_nothing_itself(
        self, wire: StripeWire, rail: StripeRail, clock: ManualClock
    ) -> None:
        """Three requests in all, and the waits are by our clock."""
        began = clock.now()
        wire.say(DOWN)
        with pytest.raises(Unavailable):
            await rail.retrieve("cs_test_1")

        assert len(wire.asked) == 3
        assert clock.now() > began

    async def test_a_long_wait_is_the_callers(self, wire: StripeWire, rail: StripeRail) -> None:
        """More than we would wait is told."""
        said = error(429)
        wire.say(Says(said.body, status=429, headers={"Retry-After": "30"}))
        with pytest.raises(Unavailable) as away:
            await rail.open(order())

        assert away.value.retry_after == 30
        assert len(wire.asked) == 1

    async def test_an_answer_that_is_no_is_final(self, wire: StripeWire, rail: StripeRail) -> None:
        """And is not asked for again."""
        wire.say(error(400))
        with pytest.raises(Declined) as refused:
            await rail.open(order())

        assert refused.value.code is Code.STRIPE_ERROR
        assert len(wire.asked) == 1


class TestWhatIsKnownOfAWrite:
    async def test_nothing_was_sent_where_nobody_listens(self) -> None:
        """So that another checkout may be tried."""
        async with stripe_rail(f"http://127.0.0.1:{free_port()}") as rail:
            with pytest.raises(Unavailable) as away:
                await rail.open(order())

        assert away.value.code is Code.STRIPE_ERROR

    async def test_nothing_was_done_where_too_much_was_asked(
        self, wire: StripeWire, rail: StripeRail
    ) -> None:
        """Stripe looks at no request over its limit."""
        wire.say(LIMITED)
        with pytest.raises(Unavailable):
            await rail.open(order())

    @pytest.mark.parametrize(
        "answers",
        [
            (DOWN,),
            (Fault.DROP,),
            (error(409, code="idempotency_key_in_use"),),
            (error(400, "idempotency_error"),),
            (DOWN, LIMITED, LIMITED),
            (Fault.DROP, error(401)),
            (Fault.DROP, error(403)),
            (Says([]),),
            (Says({"id": "cs_test_1"}),),
            (Says(session(currency="xyz")),),
        ],
    )
    async def test_it_is_unsettled_if_any_try_may_have_done_it(
        self, wire: StripeWire, rail: StripeRail, answers: tuple[Says | Fault, ...]
    ) -> None:
        """Whatever the last try says; an answer that cannot be read proves that it was done."""
        wire.say(*answers)
        with pytest.raises(Unsettled) as unsettled:
            await rail.open(order())

        assert unsettled.value.reference == "tillway-checkout-checkout_1"
        assert {one.key for one in wire.asked} == {"tillway-checkout-checkout_1"}

    async def test_it_is_unsettled_after_a_time_out(self, wire: StripeWire) -> None:
        """It reached Stripe, which said nothing."""
        wire.say(Fault.HANG)
        async with stripe_rail(wire.url, timeout=0.1) as rail:
            with pytest.raises(Unsettled):
                await rail.open(order())

    async def test_a_bad_key_is_no_doubt(self, wire: StripeWire, rail: StripeRail) -> None:
        """Where nothing was sent before, nothing was done."""
        wire.say(error(401))
        with pytest.raises(Declined):
            await rail.open(order())


class TestBreaker:
    async def test_stripe_is_left_alone_after_failures(
        self, wire: StripeWire, clock: ManualClock
    ) -> None:
        """At once, with the contract's code, and when to ask again."""
        wire.say(DOWN)
        async with stripe_rail(wire.url, clock, failures=3) as rail:
            with pytest.raises(Unsettled):
                await rail.open(order())
            asked = len(wire.asked)
            with pytest.raises(Unavailable) as away:
                await rail.open(order(of=checkout("2")))

        assert (asked, len(wire.asked)) == (3, 3)
        assert away.value.code is Code.STRIPE_ERROR
        assert away.value.retryable
        assert away.value.retry_after == 30

    async def test_a_write_that_a_breaker_cuts_short_is_unsettled(self, wire: StripeWire) -> None:
        """Its first try may have done it."""
        wire.say(Fault.DROP)
        async with stripe_rail(wire.url, failures=2) as rail:
            with pytest.raises(Unsettled):
                await rail.open(order())

        assert len(wire.asked) == 2

    async def test_refusals_do_not_count(self, wire: StripeWire) -> None:
        """An answer that is a no is an answer."""
        wire.say(error(402, "card_error", "card_declined"))
        async with stripe_rail(wire.url, failures=2) as rail:
            for number in range(5):
                with pytest.raises(Declined):
                    await rail.open(order(of=checkout(str(number))))

        assert len(wire.asked) == 5

    async def test_webhooks_are_heard_all_the_same(self, wire: StripeWire) -> None:
        """They ask Stripe nothing."""
        wire.say(DOWN)
        async with stripe_rail(wire.url, failures=1) as rail:
            with pytest.raises(TillwayError):
                await rail.open(order())
            with pytest.raises(Declined) as refused:
                rail.verify({}, b"{}")

        assert refused.value.code is Code.INVALID_SIGNATURE


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    seen: BaseException | None = error
    while seen is not None:
        assert seen not in found, "an error is its own cause"
        found.append(seen)
        seen = seen.__cause__
    return found


class TestSecrecy:
    @pytest.mark.parametrize(
        "answer",
        [
            error(400),
            error(401),
            error(402, "card_error", "card_declined"),
            error(403),
            error(404),
            error(429),
            DOWN,
            Says("SECRET-TEXT"),
            Fault.DROP,
        ],
    )
    async def test_neither_key_nor_stripes_words_are_told(
        self,
        wire: StripeWire,
        rail: StripeRail,
        answer: Says | Fault,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """Not in the error, nor in what caused it, nor in our log."""
        caplog.set_level(logging.DEBUG, logger="tillway")
        wire.say(answer)
        with pytest.raises(TillwayError) as failed:
            await rail.open(order())

        causes = _causes(failed.value)
        told = [f"{seen} {seen!r} {getattr(seen, 'details', '')}" for seen in causes]
        seen_by_us = "".join([repr(rail), caplog.text, *told])
        assert KEY.reveal() not in seen_by_us
        assert "SECRET-TEXT" not in seen_by_us

    async def test_closed_is_closed(self, wire: StripeWire, rail: StripeRail) -> None:
        """Closing twice does nothing more, and nothing is sent afterwards."""
        await rail.aclose()
        await rail.aclose()
        with pytest.raises(Unavailable):
            await rail.open(order())

        assert wire.asked == []


class TestManyAtOnce:
    async def test_one_pool_serves_them(self, wire: StripeWire, rail: StripeRail) -> None:
        """Each under its own key."""

        def own(asked: Asked) -> Says:
            return Says(session(client_reference_id=asked.params["client_reference_id"]))

        wire.script = own
        names = [str(number) for number in range(40)]
        found = await asyncio.gather(*(rail.open(order(of=checkout(name))) for name in names))

        assert [one.reference for one in found] == [f"checkout_{name}" for name in names]
        assert len({one.key for one in wire.asked}) == 40
