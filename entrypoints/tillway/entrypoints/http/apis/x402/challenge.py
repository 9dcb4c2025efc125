"""The 402 that every version of x402 can pay: v2 in the header, v1 or else v0 in the body."""

from collections.abc import Mapping, Sequence

from aiohttp import web
from multidict import istr

from tillway.core.ports.rails import Offer
from tillway.core.services.quote import Quoted
from tillway.entrypoints.http.apis.x402.headers import PAYMENT_REQUIRED, encoded
from tillway.entrypoints.http.render import answer

NO_STORE: Mapping[str, str] = {istr("Cache-Control"): "no-store"}
PAYMENT_REQUIRED_TEXT = "payment required"


def challenge(
    quoted: Quoted, url: str, error: str, headers: Mapping[str, str] = NO_STORE
) -> web.Response:
    """Answer 402 with all offers. ``error`` is an x402 reason, or says that payment is due."""
    response = answer(_body(quoted.offers, error), 402, {**NO_STORE, **headers})
    modern = _accepts(quoted.offers, 2)
    if modern:
        response.headers[PAYMENT_REQUIRED] = encoded(
            {
                "x402Version": 2,
                "error": error,
                "resource": {
                    "url": url,
                    "description": quoted.product.description,
                    "mimeType": "application/json",
                },
                "accepts": modern,
            }
        )
    return response


def _body(offers: Sequence[Offer], error: str) -> Mapping[str, object]:
    version, accepts = 1, _accepts(offers, 1)
    if not accepts:
        version, accepts = 0, _accepts(offers, 0)
    return {"x402Version": version, "error": error, "accepts": accepts}


def _accepts(offers: Sequence[Offer], version: int) -> Sequence[Mapping[str, object]]:
    return [accept for offer in offers for accept in offer.accepts.get(version, ())]
