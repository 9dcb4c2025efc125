"""``tillway stripe listen``: what Stripe tells, seen by whoever looks on."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from e2e.http_call import Answer, call
from support import stripe_objects as stripe
from support.command import FIAT, LISTENS, Running, running, tillway, write_settings
from tillway.adapters.stripe.signature import signature
from tillway.core.secrets import Secret

SECRET: Final = Secret("whsec_0123456789abcdef0123456789abcdef")
STRIPE: Final = {"secret_key": "sk_test_1", "webhook_secret": SECRET.reveal()}
LISTENING: Final = r"listens on http://127\.0\.0\.1:(?P<port>\d+)/webhook/stripe"


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """Take cards."""
    return write_settings(tmp_path, FIAT, {"stripe": STRIPE})


@pytest.fixture
def listener(tmp_path: Path, settings: Path) -> Iterator[Running]:
    """Listen."""
    words = ("stripe", "listen", "-c", settings, "--port", 0)
    with running(*words, folder=tmp_path, until=LISTENING) as made:
        yield made


def event(name: str, **session: Any) -> bytes:
    """Write an event about a session."""
    body = {
        "id": name,
        "object": "event",
        "type": "checkout.session.completed",
        "created": int(datetime.now(UTC).timestamp()),
        "livemode": False,
        "api_version": "2025-06-30",
        "data": {"object": stripe.session(**session)},
    }
    return json.dumps(body).encode()


def send(port: int, body: bytes, age: int = 0, secret: Secret = SECRET) -> Answer:
    """Send it, signed some time ago."""
    at = datetime.now(UTC) - timedelta(seconds=age)
    headers = {"Stripe-Signature": signature(body, secret, at)}
    return call(f"http://127.0.0.1:{port}/webhook/stripe", body, headers=headers)


def said(running_: Running, text: str) -> str:
    """Wait until it has said something, and give all that it has."""
    until = time.monotonic() + 10
    while text not in running_.said() and time.monotonic() < until:
        time.sleep(0.05)
    return running_.said()


class TestListen:
    def test_verified_events_are_printed(self, listener: Running) -> None:
        """With what they mean; what is not authentic is told to be refused."""
        good, bad = event("evt_good"), event("evt_bad")
        assert send(listener.port, good).status == 200
        assert send(listener.port, bad, age=1000).status == 400
        assert send(listener.port, bad, secret=Secret("whsec_other")).status == 400
        assert send(listener.port, b"{}").status == 400
        text = said(listener, "refused")
        assert "checkout.session.completed  evt_good  session cs_" in text
        assert text.count("refused: ") == 3
        assert "evt_bad" not in text

    def test_events_are_handed_on(self, tmp_path: Path, settings: Path) -> None:
        """The gateway takes the same bytes with the same signature."""
        with running("serve", "-c", settings, folder=tmp_path, until=LISTENS) as gateway:
            url = f"http://127.0.0.1:{gateway.port}/webhook/stripe"
            words = ("stripe", "listen", "-c", settings, "--port", 0, "--forward", url)
            with running(*words, folder=tmp_path, until=LISTENING) as made:
                assert send(made.port, event("evt_1")).status == 200
                assert "-> 200" in said(made, "-> ")

    def test_without_a_secret_there_is_nothing_to_verify(self, tmp_path: Path) -> None:
        """In one line."""
        settings = write_settings(tmp_path, FIAT)
        done = tillway("stripe", "listen", "-c", settings, folder=tmp_path)
        assert (done.code, done.said) == (
            2,
            ["stripe.secret_key and stripe.webhook_secret are not set"],
        )
