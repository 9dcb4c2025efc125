"""What Stripe says went wrong, and what it means for a write.

    Unavailable (core)
    ├── StripeAway        no usable answer; ``written`` tells that Stripe may have acted
    └── (from a guard)    the circuit is open
    Declined (core)
    ├── Refused           Stripe answered, and the answer is no
    │   └── Unauthentic   the key is not good: said before Stripe looks at what is asked
    ├── Repeated          our key was used before, for a request that was not quite this one
    └── Misshapen         the answer has not the shape that it must have (`answers`)

Stripe's own words never reach a buyer, since they name keys, customers and accounts. The log has
type, code, parameter and the request's id, by which Stripe's dashboard tells the rest.
"""

from collections.abc import Callable, Mapping
from typing import Final

import aiohttp
import stripe
from attrs import frozen
from stripe.oauth_error import OAuthError

from tillway.core.errors import Code, Declined, TillwayError, Unavailable, Unsettled

REFUSED: Final = "The card provider refused the request."
CARD_DECLINED: Final = "The card was declined."
_LONGEST_REST: Final = 60.0

OK: Final = "ok"
REFUSAL: Final = "refused"
CIRCUIT_OPEN: Final = "circuit_open"
OTHER: Final = "other"
_KINDS: Final[Mapping[str, str]] = {
    "connect": "connect",
    "connection": "connection",
    "timeout": "timeout",
    "rate limit": "rate_limit",
}
OUTCOMES: Final = frozenset({OK, REFUSAL, CIRCUIT_OPEN, OTHER, "http_5xx", *_KINDS.values()})
"""How a request may end, for metrics."""


class StripeAway(Unavailable):
    """Stripe gave no usable answer. ``written`` tells that it may have acted all the same."""

    def __init__(
        self, kind: str, *, written: bool = True, retry_after: float | None = None
    ) -> None:
        super().__init__(Code.STRIPE_ERROR, retry_after=retry_after, details={"kind": kind})
        self.kind = kind
        self.written = written


class Refused(Declined):
    """Stripe answered no. ``word`` is its code for the reason, for our own decisions."""

    word: str = ""


class Unauthentic(Refused):
    """Stripe does not take our key."""


class Repeated(Declined):
    """Our idempotency key has been used with other parameters: what it did must be looked up."""


@frozen(kw_only=True)
class Meaning:
    """What a refusal means for whoever asked us."""

    code: Code = Code.STRIPE_ERROR
    message: str = REFUSED
    field: str | None = None


_TOO_SMALL: Final = Meaning(
    code=Code.INVALID_AMOUNT, message="The amount is too small to be paid by card."
)
_TOO_LARGE: Final = Meaning(
    code=Code.INVALID_AMOUNT, message="The amount is too large to be paid by card."
)
_RETURNED: Final = Meaning(
    code=Code.REFUND_ALREADY_PROCESSED, message="This payment has already been refunded."
)
_DISPUTED: Final = Meaning(
    code=Code.REFUND_ALREADY_PROCESSED, message="This payment is disputed and cannot be refunded."
)
_EMAIL: Final = Meaning(
    code=Code.INVALID_FIELD, message="The email address is not valid.", field="customerEmail"
)

BY_CODE: Final[Mapping[str, Meaning]] = {
    "amount_too_small": _TOO_SMALL,
    "amount_too_large": _TOO_LARGE,
    "charge_already_refunded": _RETURNED,
    "charge_disputed": _DISPUTED,
    "email_invalid": _EMAIL,
}
"""Stripe's codes of which a buyer or an operator can make something."""

_BY_PARAMETER: Final[Mapping[str, Meaning]] = {
    "discounts[0][promotion_code]": Meaning(
        code=Code.COUPON_NOT_APPLICABLE,
        message="The coupon does not apply to this purchase.",
        field="couponCode",
    ),
    "customer_email": _EMAIL,
    "amount": Meaning(code=Code.INVALID_AMOUNT, message="The amount is not valid."),
}


def failure_of(error: stripe.StripeError) -> TillwayError:
    """Say in the core's words what an error of the package means."""
    for kind in type(error).__mro__:
        if kind in BY_KIND:
            return BY_KIND[kind](error)
    return StripeAway("unknown")


def away_of(cause: BaseException | None) -> StripeAway:
    """Say what a broken connection means: only one that was never made proves anything."""
    if isinstance(cause, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return StripeAway("connect", written=False)
    return StripeAway("timeout" if isinstance(cause, TimeoutError) else "connection")


def outcome_of(failure: TillwayError) -> str:
    """Say in one of a few words how a request ended that did not go well."""
    cause = failure.__cause__ if isinstance(failure, Unsettled) else failure
    if isinstance(cause, Declined):
        return REFUSAL
    kind = cause.kind if isinstance(cause, StripeAway) else ""
    return "http_5xx" if kind.startswith("http 5") else _KINDS.get(kind, OTHER)


def _meaning(error: stripe.StripeError) -> Meaning:
    parameter = getattr(error, "param", None) or ""
    known = BY_CODE.get(error.code or "") or _BY_PARAMETER.get(parameter)
    return known or Meaning()


def _refused(kind: type[Refused], error: stripe.StripeError, meaning: Meaning) -> Refused:
    refused = kind(meaning.code, meaning.message, field=meaning.field)
    refused.word = error.code or ""
    return refused


def _retry_after(error: stripe.StripeError) -> float | None:
    headers = {str(name).lower(): value for name, value in (error.headers or {}).items()}
    told = str(headers.get("retry-after", ""))
    return min(float(told), _LONGEST_REST) if told.isascii() and told.isdigit() else None


def _unreached(error: stripe.StripeError) -> TillwayError:
    return away_of(error.__cause__)


def _broken(error: stripe.StripeError) -> TillwayError:
    return StripeAway(f"http {error.http_status or 0}", retry_after=_retry_after(error))


def _too_often(error: stripe.StripeError) -> TillwayError:
    return StripeAway("rate limit", written=False, retry_after=_retry_after(error))


def _used_before(error: stripe.StripeError) -> TillwayError:
    return Repeated(Code.STRIPE_ERROR, REFUSED)


def _no_entry(error: stripe.StripeError) -> TillwayError:
    return _refused(Unauthentic, error, Meaning())


def _card(error: stripe.StripeError) -> TillwayError:
    meaning = Meaning(code=Code.TRANSACTION_FAILED, message=CARD_DECLINED)
    return _refused(Refused, error, meaning)


def _answered(error: stripe.StripeError) -> TillwayError:
    return _refused(Refused, error, _meaning(error))


BY_KIND: Final[Mapping[type, Callable[[stripe.StripeError], TillwayError]]] = {
    stripe.APIConnectionError: _unreached,
    stripe.APIError: _broken,
    stripe.RateLimitError: _too_often,
    stripe.IdempotencyError: _used_before,
    stripe.AuthenticationError: _no_entry,
    stripe.PermissionError: _no_entry,
    stripe.CardError: _card,
    stripe.InvalidRequestError: _answered,
    # It answers so where an error is a mere word: whatever sent that is not the API.
    OAuthError: _broken,
    # Those of the package that no request of ours brings about: they are answers all the same.
    stripe.SignatureVerificationError: _answered,
    stripe.AlreadyCanceledError: _answered,
    stripe.BlockedByStripeError: _answered,
    stripe.CannotProceedError: _answered,
    stripe.CapabilityNotEnabledError: _answered,
    stripe.ControlledByAlternateResourceError: _answered,
    stripe.FeatureNotEnabledError: _answered,
    stripe.FinancialAccountNotOpenError: _answered,
    stripe.FxQuoteNeedsRefreshError: _answered,
    stripe.InsufficientFundsError: _answered,
    stripe.InvalidPaymentMethodError: _answered,
    stripe.InvalidPayoutMethodError: _answered,
    stripe.InvalidVaultedCredentialError: _answered,
    stripe.NotCancelableError: _answered,
    stripe.QuotaExceededError: _too_often,
    stripe.RecipientNotNotifiableError: _answered,
    stripe.TemporarySessionExpiredError: _answered,
    stripe.VerificationAttemptFailedError: _answered,
    stripe.VerificationExpiredError: _answered,
    stripe.VerificationNotInitiatedError: _answered,
}
"""The package's errors, all of them, by what they mean."""
