"""A shop whose every price and coupon the tests of the Cedros contract know."""

import re
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

import orjson

from support.shop import Answer, Shop, open_shop

ARTICLE: Final = {
    "description": "Text",
    "crypto_atomic_amount": 50_000,
    "crypto_token": "USDC",
    "fiat_amount_cents": 125,
    "stripe_price_id": "price_1",
    "metadata": {"shelf": "3"},
}
RESOURCES: Final[dict[str, Any]] = {
    "article": ARTICLE,
    "course": {"description": "Dear", "crypto_atomic_amount": 1_000_000, "crypto_token": "USDC"},
    "mug": {"description": "By card", "fiat_amount_cents": 1250},
}


def _coupon(code: str, **more: Any) -> dict[str, Any]:
    usual = {"discount_type": "percentage", "discount_value": 50, "scope": "all", "active": True}
    return {"code": code, **usual, **more}


_ALL: Final = (
    _coupon("HALF"),
    _coupon(
        "BOOKS",
        discount_type="fixed",
        discount_value=0.5,
        scope="specific",
        product_ids=["course"],
        payment_method="x402",
        expires_at="2036-01-31T12:00:00.25Z",
        usage_limit=5,
    ),
    _coupon("CARD", payment_method="stripe"),
    _coupon("OFF", active=False),
    _coupon("SOON", starts_at="2036-01-31T12:00:00Z"),
    _coupon("LATE", expires_at="2020-01-31T12:00:00Z"),
    _coupon("GONE", usage_limit=3, usage_count=3),
    _coupon("GIFT", discount_value=100),
    _coupon(
        "SALE",
        discount_value=10,
        scope="specific",
        product_ids=["course"],
        auto_apply=True,
        applies_at="catalog",
    ),
    _coupon(
        "TILL",
        discount_value=20,
        auto_apply=True,
        applies_at="checkout",
        payment_method="x402",
        currency="USD",
        metadata={"description": "Every day"},
    ),
)
COUPONS: Final = {each["code"]: each for each in _ALL}

TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
"""How moments look on the wire."""


def contract_shop(**changes: Any) -> AbstractAsyncContextManager[Shop]:
    """Open it; ``changes`` are settings by section."""
    return open_shop(paywall={"resources": RESOURCES}, coupons={"coupons": COUPONS}, **changes)


def error(code: str, message: str, **details: Any) -> dict[str, Any]:
    """Write the envelope."""
    inner = {"code": code, "message": message, "retryable": False}
    return {"error": {**inner, "details": details} if details else inner}


def faulty(code: str, field: str, message: str) -> dict[str, Any]:
    """Write the envelope of one fault in one field."""
    return error(code, message, fields=[{"field": field, "message": message}])


async def posted(shop: Shop, path: str, raw: bytes) -> Answer:
    """Post bytes."""
    async with shop.http.post(f"{shop.address}{path}", data=raw) as response:
        body = orjson.loads(await response.read())
        return Answer(response.status, body, dict(response.headers))


async def requirement(shop: Shop, resource: str = "article", **more: Any) -> Any:
    """Quote a resource and give what it wants."""
    quoted = await shop.post("/paywall/v1/quote", {"resource": resource, **more})
    assert quoted.status == 402
    return quoted.body["accepts"][0]
