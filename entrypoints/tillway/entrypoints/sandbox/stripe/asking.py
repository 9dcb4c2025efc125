"""What a session may be asked to be, and what is refused before anything is made."""

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from tillway.entrypoints.sandbox.stripe.account import Account
from tillway.entrypoints.sandbox.stripe.errors import invalid
from tillway.entrypoints.sandbox.stripe.lines import Line
from tillway.entrypoints.sandbox.stripe.products import PRICE_DATA
from tillway.entrypoints.sandbox.stripe.read import (
    MOST_MINOR,
    Reader,
    anything,
    choice,
    currency,
    each,
    fields,
    flag,
    metadata,
    text,
    whole,
)
from tillway.entrypoints.sandbox.stripe.wire import Json

_SHORTEST, _LONGEST = 30 * 60, 24 * 3600
_DAY: Final = 24 * 3600
_LEEWAY: Final = 60  # seconds between the caller's clock and ours

_LINE: Final = fields(
    price=text(200),
    price_data=PRICE_DATA,
    quantity=whole(1, 999_999),
    tax_rates=each(text(200), 5),
    adjustable_quantity=anything,
)
_SHIPPING: Final = fields(
    shipping_rate_data=fields(
        "display_name",
        "fixed_amount",
        display_name=text(100),
        type=choice("fixed_amount"),
        fixed_amount=fields("amount", "currency", amount=whole(0, MOST_MINOR), currency=currency),
        delivery_estimate=anything,
        metadata=metadata,
        tax_behavior=anything,
        tax_code=anything,
    )
)
FIELDS: Final[dict[str, Reader]] = {
    "mode": choice("payment", "subscription"),
    "line_items": each(_LINE, 100),
    "success_url": text(5000),
    "cancel_url": text(5000),
    "client_reference_id": text(200),
    "customer": text(200),
    "customer_email": text(800),
    "customer_creation": choice("always", "if_required"),
    "metadata": metadata,
    "discounts": each(fields(coupon=text(200), promotion_code=text(200)), 1),
    "allow_promotion_codes": flag,
    "expires_at": whole(),
    "currency": currency,
    "payment_intent_data": fields(
        metadata=metadata,
        description=text(1000),
        receipt_email=text(800),
        setup_future_usage=choice("on_session", "off_session"),
        statement_descriptor=text(22),
        statement_descriptor_suffix=text(22),
        capture_method=choice("automatic", "automatic_async"),
    ),
    "subscription_data": fields(
        metadata=metadata,
        description=text(500),
        trial_period_days=whole(1, 730),
        trial_end=whole(),
        default_tax_rates=each(text(200), 5),
        trial_settings=anything,
        billing_mode=anything,
        proration_behavior=choice("create_prorations", "none"),
    ),
    "shipping_options": each(_SHIPPING, 5),
    "ui_mode": choice("hosted_page", "hosted"),
    "submit_type": choice("auto", "book", "donate", "pay", "subscribe"),
    "payment_method_types": each(choice("card", "us_bank_account", "sepa_debit", "link"), 10),
    "payment_method_collection": choice("always", "if_required"),
    **dict.fromkeys(
        (
            "automatic_tax",
            "billing_address_collection",
            "shipping_address_collection",
            "phone_number_collection",
            "tax_id_collection",
            "invoice_creation",
            "consent_collection",
            "custom_text",
            "after_expiration",
            "payment_method_options",
            "saved_payment_method_options",
            "customer_update",
            "locale",
            "origin_context",
        ),
        anything,
    ),
}


def trial_days(account: Account, about: Mapping[str, Json]) -> float:
    """Give the length of a trial in days, 0 for none; Refused for one that ends too early."""
    if "trial_period_days" in about and "trial_end" in about:
        message = "You can give only one of trial_end and trial_period_days."
        raise invalid(message, "subscription_data[trial_end]")
    if "trial_end" not in about:
        return int(about.get("trial_period_days", 0))
    left: float = about["trial_end"] - account.now()
    if left < 2 * _DAY - _LEEWAY:
        message = "The trial_end date has to be at least 2 days in the future."
        raise invalid(message, "subscription_data[trial_end]")
    return left / _DAY


def check_urls(given: Mapping[str, Json]) -> None:
    """Refuse addresses that no browser can be sent to."""
    for name in ("success_url", "cancel_url"):
        if name in given and not is_web_address(given[name]):
            raise invalid("Not a valid URL", name, "url_invalid")


def is_web_address(url: str) -> bool:
    """Tell whether a browser can be sent there."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    del port
    plain = url.isprintable() and " " not in url
    return plain and parts.scheme in ("http", "https") and bool(parts.hostname)


def expiry(account: Account, given: Mapping[str, Json]) -> int:
    """Give when a session ends; Refused for sooner or later than Stripe allows."""
    now = account.now()
    expires = int(given.get("expires_at", now + _LONGEST))
    if not now + _SHORTEST - _LEEWAY <= expires <= now + _LONGEST + _LEEWAY:
        message = "The `expires_at` timestamp must be between 30 minutes and 24 hours from now."
        raise invalid(message, "expires_at")
    return expires


def check_customer(account: Account, given: Mapping[str, Json]) -> None:
    """Refuse a buyer who is unknown, or named twice."""
    if "customer" in given and "customer_email" in given:
        message = "You may only specify one of these parameters: customer, customer_email."
        raise invalid(message, "customer")
    if "customer" in given:
        account.get("customer", given["customer"], "customer", 400)
    if "customer_email" in given and "@" not in given["customer_email"]:
        raise invalid("Invalid email address.", "customer_email", "email_invalid")


def check_mode(mode: str, lines: Sequence[Line]) -> None:
    """Refuse lines that do not fit the mode, or each other."""
    if not lines:
        raise invalid("Missing required param: line_items.", "line_items", "parameter_missing")
    recurring = [line.price["recurring"] for line in lines if line.price["recurring"]]
    if mode == "payment" and recurring:
        message = "You specified `payment` mode but passed a recurring price."
        raise invalid(message, "mode")
    if mode == "subscription" and not recurring:
        message = "You must provide at least one recurring price in `subscription` mode."
        raise invalid(message, "mode")
    if len({(each_one["interval"], each_one["interval_count"]) for each_one in recurring}) > 1:
        raise invalid("All recurring prices must have the same interval.", "line_items")
