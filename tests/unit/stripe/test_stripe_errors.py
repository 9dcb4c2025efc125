from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
import stripe
from aiohttp.client_reqrep import ConnectionKey

from tillway.adapters.stripe.errors import (
    BY_CODE,
    BY_KIND,
    OUTCOMES,
    Refused,
    Repeated,
    StripeAway,
    Unauthentic,
    failure_of,
    outcome_of,
)
from tillway.core.errors import Code, Declined, TillwayError, Unsettled

WORDS = "SECRET sk_test_123 of buyer@example.com"
BASES = {stripe.StripeError, stripe.StripeErrorWithParamCode}


def _kinds(kind: type[stripe.StripeError]) -> Iterator[type[stripe.StripeError]]:
    for each in kind.__subclasses__():
        yield each
        yield from _kinds(each)


def made(kind: Any, *words: str, **more: Any) -> stripe.StripeError:
    """Make an error of the package, whose constructors have no types."""
    error: stripe.StripeError = kind(WORDS, *words, **more)
    return error


def invalid(code: str = "", param: str = "") -> stripe.StripeError:
    return made(stripe.InvalidRequestError, param, code, http_status=400)


def unreached(cause: BaseException) -> stripe.StripeError:
    error = made(stripe.APIConnectionError)
    error.__cause__ = cause
    return error


class TestTable:
    def test_every_error_of_the_package_is_in_it(self) -> None:
        """A version with a new one is noticed here."""
        unknown = {
            kind for kind in _kinds(stripe.StripeError) if BY_KIND.keys().isdisjoint(kind.__mro__)
        }
        assert unknown <= BASES

    @pytest.mark.parametrize(
        ("error", "kind", "code"),
        [
            (invalid(), Refused, Code.STRIPE_ERROR),
            (invalid("amount_too_small", "amount"), Refused, Code.INVALID_AMOUNT),
            (invalid("amount_too_large"), Refused, Code.INVALID_AMOUNT),
            (invalid("parameter_invalid_integer", "amount"), Refused, Code.INVALID_AMOUNT),
            (invalid("charge_already_refunded"), Refused, Code.REFUND_ALREADY_PROCESSED),
            (invalid("charge_disputed"), Refused, Code.REFUND_ALREADY_PROCESSED),
            (invalid("email_invalid", "customer_email"), Refused, Code.INVALID_FIELD),
            (invalid("", "customer_email"), Refused, Code.INVALID_FIELD),
            (
                invalid("", "discounts[0][promotion_code]"),
                Refused,
                Code.COUPON_NOT_APPLICABLE,
            ),
            (made(stripe.CardError, "", "card_declined"), Refused, Code.TRANSACTION_FAILED),
            (stripe.AuthenticationError(WORDS), Unauthentic, Code.STRIPE_ERROR),
            (stripe.PermissionError(WORDS), Unauthentic, Code.STRIPE_ERROR),
            (stripe.IdempotencyError(WORDS), Repeated, Code.STRIPE_ERROR),
            (stripe.RateLimitError(WORDS), StripeAway, Code.STRIPE_ERROR),
            (stripe.APIError(WORDS, http_status=500), StripeAway, Code.STRIPE_ERROR),
            (stripe.StripeError(WORDS), StripeAway, Code.STRIPE_ERROR),
        ],
    )
    def test_each_means_something_to_whoever_asked(
        self, error: stripe.StripeError, kind: type, code: Code
    ) -> None:
        """By type, then by code and parameter; in fixed words."""
        meant = failure_of(error)

        assert type(meant) is kind
        assert meant.code is code
        assert "SECRET" not in f"{meant} {meant.message} {meant.details} {meant.args}"

    @pytest.mark.parametrize("code", sorted(BY_CODE))
    def test_words_are_ours(self, code: str) -> None:
        """Whatever Stripe says beside a code."""
        meant = failure_of(invalid(code))

        assert isinstance(meant, Declined)
        assert meant.message == BY_CODE[code].message


PLACE = ConnectionKey("host", 443, True, True, None, None, None)


class TestWhatMayHaveBeenDone:
    @pytest.mark.parametrize(
        ("error", "written"),
        [
            (unreached(aiohttp.ClientConnectorError(PLACE, OSError(111, "refused"))), False),
            (unreached(aiohttp.ConnectionTimeoutError()), False),
            (unreached(aiohttp.ServerDisconnectedError()), True),
            (unreached(TimeoutError()), True),
            (unreached(aiohttp.ClientPayloadError()), True),
            (made(stripe.APIConnectionError), True),
            (stripe.APIError(WORDS, http_status=500), True),
            (stripe.APIError(WORDS, http_status=409), True),
            (stripe.RateLimitError(WORDS, http_status=429), False),
        ],
    )
    def test_only_what_proves_it_says_that_nothing_was(
        self, error: stripe.StripeError, written: bool
    ) -> None:
        """A connection that was never made, and a limit that was named."""
        away = failure_of(error)

        assert isinstance(away, StripeAway)
        assert away.written is written

    @pytest.mark.parametrize(("told", "seconds"), [("7", 7.0), ("999", 60.0), ("x", None)])
    def test_a_wait_that_is_asked_for_is_kept(self, told: str, seconds: float | None) -> None:
        """Up to a minute."""
        away = failure_of(stripe.RateLimitError(WORDS, headers={"Retry-After": told}))

        assert isinstance(away, StripeAway)
        assert away.retry_after == seconds


def unsettled(cause: BaseException) -> Unsettled:
    """Give what a write raises of which nobody knows what it did."""
    made = Unsettled(Code.STRIPE_ERROR, reference="key")
    made.__cause__ = cause
    return made


class TestOutcomes:
    @pytest.mark.parametrize(
        ("failure", "outcome"),
        [
            (failure_of(invalid()), "refused"),
            (failure_of(made(stripe.CardError, "", "card_declined")), "refused"),
            (failure_of(stripe.IdempotencyError(WORDS)), "refused"),
            (unsettled(failure_of(stripe.AuthenticationError(WORDS))), "refused"),
            (failure_of(stripe.APIError(WORDS, http_status=503)), "http_5xx"),
            (failure_of(stripe.APIError(WORDS, http_status=409)), "other"),
            (failure_of(stripe.RateLimitError(WORDS)), "rate_limit"),
            (failure_of(unreached(aiohttp.ConnectionTimeoutError())), "connect"),
            (failure_of(unreached(aiohttp.ServerDisconnectedError())), "connection"),
            (failure_of(unreached(TimeoutError())), "timeout"),
            (StripeAway("misshapen"), "other"),
        ],
    )
    def test_each_is_counted_under_a_word(self, failure: TillwayError, outcome: str) -> None:
        """For metrics."""
        assert outcome_of(failure) == outcome

    def test_there_are_few_words(self) -> None:
        """Whatever the package raises."""
        known = [BY_KIND[each](stripe.StripeError(WORDS)) for each in BY_KIND]
        assert {outcome_of(each) for each in known} <= OUTCOMES
