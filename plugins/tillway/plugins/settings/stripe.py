"""The section `stripe`: cards."""

import re
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Final, Literal

from attrs import frozen

from tillway.core.secrets import Secret
from tillway.plugins.rules import (
    between,
    distinct,
    each,
    hide_url,
    is_blank,
    is_host,
    not_blank,
    positive,
    split_url,
    url,
)
from tillway.plugins.setting import Alias, Rule, setting

API_BASE: Final = "https://api.stripe.com"

_PAGE = url("http", "https")
_KEY: Final = re.compile(r"[sr]k_(test|live)_.+")
_METHOD: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")


def _bare(name: str) -> tuple[Alias, ...]:
    return (Alias(name=f"STRIPE_{name}"),)


def _has_secret_key(secret_key: Secret | None, publishable_key: str) -> str | None:
    if secret_key or not publishable_key:
        return None
    return "stripe.secret_key is required when publishable key is set"


def _has_webhook_secret(secrets: tuple[Secret, ...], secret_key: Secret | None) -> str | None:
    if secrets or not secret_key:
        return None
    return "stripe.webhook_secret is required when stripe.secret_key is set"


def _in_mode(mode: str, secret_key: Secret | None, publishable_key: str) -> str | None:
    of_secret = _KEY.fullmatch(secret_key.reveal() if secret_key else "")
    if of_secret is not None and of_secret[1] != mode:
        return f"must be {of_secret[1]}, as stripe.secret_key is"
    other = "test" if mode == "live" else "live"
    if publishable_key.startswith(f"pk_{other}_"):
        return f"must be {other}, as stripe.publishable_key is"
    return None


def _signing_secrets(secret: Secret) -> tuple[Secret, ...]:
    words = (word.strip() for word in secret.reveal().split(","))
    return tuple(Secret(word) for word in words if word)


def page_hosts(stripe: Any) -> tuple[str, ...]:
    """Give the hosts of the configured pages."""
    found = [_host(stripe.success_url), _host(stripe.cancel_url)]
    return tuple(dict.fromkeys(host for host in found if host))


def own_hosts(addresses: Iterable[str]) -> tuple[str, ...]:
    """Give the hosts of our own addresses: the page for people is there, and buyers come back."""
    return tuple(host for host in map(_host, addresses) if host)


def _host(page: str) -> str:
    parts = split_url(page)
    name = parts.hostname if parts is not None else None
    if name is None or parts is None:
        return ""
    bare = f"[{name}]" if ":" in name else name
    return f"{bare}:{parts.port}" if parts.port else bare


def _is_place(text: str) -> str | None:
    parts = split_url(f"https://{text}")
    named = parts is not None and is_host(parts.hostname or "") and parts.netloc == text
    return None if named and "@" not in text else "must be a host, or host:port"


def _lower(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(text.lower() for text in texts)


def _method(text: str) -> str | None:
    return None if _METHOD.fullmatch(text) else "must be a payment method's name, such as card"


def _base(text: str) -> str | None:
    """Send the key nowhere in the clear, but to an emulator on this machine."""
    parts = split_url(text)
    here = parts is not None and parts.hostname in ("127.0.0.1", "::1", "localhost")
    plain = parts is not None and parts.scheme == "http"
    return "must be https:// unless it is on this machine" if plain and not here else None


@frozen(kw_only=True)
class StripeSettings:
    """Cards, by Stripe. Loads when anything in it is set."""

    WHEN_SET: ClassVar[bool] = True
    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(fields=("secret_key", "publishable_key"), check=_has_secret_key),
        Rule(fields=("webhook_secret", "secret_key"), check=_has_webhook_secret),
        Rule(fields=("mode", "secret_key", "publishable_key"), check=_in_mode),
    )

    secret_key: Secret | None = setting(
        default=None,
        env="CEDROS_STRIPE_SECRET_KEY",
        aliases=_bare("SECRET_KEY"),
        doc="The API key. Without it no cards are taken.",
    )
    webhook_secret: tuple[Secret, ...] = setting(
        default=(),
        shape=Secret,
        convert=_signing_secrets,
        env="CEDROS_STRIPE_WEBHOOK_SECRET",
        aliases=_bare("WEBHOOK_SECRET"),
        doc="Signs Stripe's webhooks; several, with commas between them, during a rotation. "
        "Required with `secret_key`.",
    )
    publishable_key: str = setting(
        default="",
        env="CEDROS_STRIPE_PUBLISHABLE_KEY",
        aliases=_bare("PUBLISHABLE_KEY"),
        doc="The key for browsers.",
    )
    success_url: str = setting(
        default="http://localhost:8080/stripe/success?session_id={CHECKOUT_SESSION_ID}",
        env="CEDROS_STRIPE_SUCCESS_URL",
        aliases=_bare("SUCCESS_URL"),
        unset_when=is_blank,
        rules=(_PAGE,),
        doc="Where a buyer goes who paid.",
    )
    cancel_url: str = setting(
        default="http://localhost:8080/stripe/cancel",
        env="CEDROS_STRIPE_CANCEL_URL",
        aliases=_bare("CANCEL_URL"),
        unset_when=is_blank,
        rules=(_PAGE,),
        doc="Where a buyer goes who did not.",
    )
    redirect_hosts: tuple[str, ...] = setting(
        derive=page_hosts,
        default_is="the hosts of `success_url` and `cancel_url`",
        tidy=_lower,
        rules=(each(_is_place), distinct),
        doc="The hosts to which a buyer may ask to be sent back, beside those of our own pages "
        "and `server.public_url`; each with its port unless that is the usual one.",
    )
    tax_rate_id: str = setting(
        default="",
        env="CEDROS_STRIPE_TAX_RATE_ID",
        aliases=_bare("TAX_RATE_ID"),
        doc="A tax rate for prices that we make ourselves, and for carts.",
    )
    payment_method_types: tuple[str, ...] = setting(
        default=("card",),
        rules=(each(_method), distinct),
        doc="How a session can be paid, in Stripe's words; an empty list leaves it to Stripe's "
        "dashboard.",
    )
    session_lifetime: timedelta = setting(
        default=timedelta(hours=1),
        rules=(between(timedelta(minutes=31), timedelta(hours=23, minutes=55)),),
        doc="How long a session can be paid; what it has reserved (limited coupons, a cart) waits "
        "as long.",
    )
    max_unpaid_coupons: int = setting(
        default=100,
        rules=(positive,),
        doc="How many uses of limited coupons one address may hold back by sessions that are not "
        "paid. A shop whose own server opens them for all its buyers needs more.",
    )
    mode: Literal["test", "live"] = setting(
        default="test",
        env="CEDROS_STRIPE_MODE",
        aliases=_bare("MODE"),
        doc="Whether the keys are test keys: keys of the other kind are refused.",
    )
    api_base: str = setting(
        default=API_BASE,
        unset_when=is_blank,
        rules=(not_blank, url("http", "https"), _base),
        shown=hide_url,
        doc="Where Stripe's API is: an emulator's address for tests.",
    )
