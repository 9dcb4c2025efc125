"""Answers that are ready to be sent by any framework."""

from collections.abc import Mapping, Sequence

from attrs import frozen
from multidict import istr

from tillway.core.errors import TillwayError
from tillway.core.ports.rails import Offer
from tillway.core.services.paying.quote import Quoted
from tillway.entrypoints.http.render import JSON, encode, envelope, retry_after, status_of
from tillway.entrypoints.paywall.envelopes import PAYMENT_REQUIRED, encoded

NO_STORE: Mapping[str, str] = {istr("Cache-Control"): "no-store"}
PRIVATE: Mapping[str, str] = {istr("Cache-Control"): "private"}
PAYMENT_REQUIRED_TEXT = "payment required"


@frozen(kw_only=True)
class Reply:
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def reply(body: object, status: int, headers: Mapping[str, str]) -> Reply:
    """Answer with JSON."""
    return Reply(status=status, headers={**headers, "Content-Type": JSON}, body=encode(body))


def challenge(quoted: Quoted, url: str, error: str, headers: Mapping[str, str] = NO_STORE) -> Reply:
    """Answer 402 with all offers: v2 in the header, v1 or else v0 in the body.

    ``error`` is an x402 reason, or says that payment is due.
    """
    modern = _accepts(quoted.offers, 2)
    told: dict[str, str] = {**NO_STORE, **headers}
    if modern:
        told[PAYMENT_REQUIRED] = encoded(_modern(quoted, url, error, modern))
    return reply(_body(quoted.offers, error), 402, told)


def refusal(error: TillwayError, headers: Mapping[str, str] = NO_STORE) -> Reply:
    """Answer with an error that offers nothing."""
    seconds = retry_after(error)
    later = {} if seconds is None else {"Retry-After": str(seconds)}
    return reply(envelope(error), status_of(error), {**headers, **later})


def _modern(
    quoted: Quoted, url: str, error: str, accepts: Sequence[Mapping[str, object]]
) -> Mapping[str, object]:
    return {
        "x402Version": 2,
        "error": error,
        "resource": {
            "url": url,
            "description": quoted.product.description,
            "mimeType": JSON,
        },
        "accepts": accepts,
    }


def _body(offers: Sequence[Offer], error: str) -> Mapping[str, object]:
    version, accepts = 1, _accepts(offers, 1)
    if not accepts:
        version, accepts = 0, _accepts(offers, 0)
    return {"x402Version": version, "error": error, "accepts": accepts}


def _accepts(offers: Sequence[Offer], version: int) -> Sequence[Mapping[str, object]]:
    return [accept for offer in offers for accept in offer.accepts.get(version, ())]
