"""What the sandbox sells, in the words of the settings."""

from collections.abc import Mapping

RESOURCES: Mapping[str, object] = {
    "demo-article": {
        "description": "An article about payments",
        "fiat_amount_cents": 5,
        "crypto_atomic_amount": 50_000,
        "crypto_token": "USDC",
        "metadata": {"kind": "article"},
    },
    "demo-course": {
        "description": "A course in nine lessons",
        "fiat_amount_cents": 4900,
        "crypto_atomic_amount": 49_000_000,
        "crypto_token": "USDC",
    },
    "demo-mug": {
        "description": "A mug, by card only",
        "fiat_amount_cents": 1250,
    },
    "demo-club": {
        "description": "A club, by the month",
        "fiat_amount_cents": 900,
        "crypto_atomic_amount": 9_000_000,
        "crypto_token": "USDC",
        "subscription": {"billing_period": "month", "allow_x402": True},
    },
    "demo-magazine": {
        "description": "A magazine, by the year, the first two weeks free",
        "fiat_amount_cents": 4900,
        "subscription": {"billing_period": "year", "trial_days": 14},
    },
}

COUPONS: Mapping[str, object] = {
    "SAVE20": {
        "code": "SAVE20",
        "discount_type": "percentage",
        "discount_value": 20,
        "scope": "all",
        "active": True,
        "metadata": {"description": "20 % off"},
    },
    "ONTHEHOUSE": {
        "code": "ONTHEHOUSE",
        "discount_type": "percentage",
        "discount_value": 100,
        "scope": "all",
        "usage_limit": 100,
        "active": True,
        "metadata": {"description": "free, a hundred times"},
    },
}
