"""`kill -9` between receiving an event and having applied it."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.storm import PRICE, SETTINGS, completed, event, fill, made_checkout
from tillway.core.ledger import Account, AccountKind
from tillway.core.payments import State
from tillway.core.services.hosted.incoming import QUIET
from tillway.core.tenancy import DEFAULT
from tillway.entrypoints.bootstrap import Ports, create_app
from tillway.entrypoints.configuration import configure
from tillway.entrypoints.sandbox.clock import VirtualClock

TESTS = Path(__file__).parents[2]


@pytest.mark.asyncio
class TestKilled:
    """The event is kept, and nothing of it is done."""

    @pytest.mark.parametrize("when", ["before", "within"])
    async def test_another_process_applies_it_once(
        self, storage: dict[str, Any], tmp_path: Path, when: str
    ) -> None:
        """Even if all of it was written and not committed."""
        if storage["backend"] == "memory":
            pytest.skip("it ends with its process")
        text = yaml.safe_dump(
            {
                "storage": storage,
                "logging": {"environment": "development"},
                "paywall": {"resources": {"mug": {"fiat_amount_cents": PRICE}}},
                "stripe": dict(SETTINGS),
            }
        )
        clock, checkout = VirtualClock(), made_checkout(1)
        gateway = create_app(configure(text, {}), background=False, ports=Ports(clock=clock))
        await gateway.open()
        try:
            await fill(gateway.store, [checkout])
            sent = event("evt_1", "checkout.session.completed", completed(checkout), 0)
            assert await asyncio.to_thread(_killed, tmp_path, text, sent.body, when) == -9
            async with gateway.store.view() as view:
                kept = await view.inbox.get(DEFAULT, "stripe", "evt_1")
                assert kept is not None
                assert kept.applied_at is None
                signature = f"stripe:{checkout.session}"
                assert await view.payments.by_signature(DEFAULT, signature) is None
            clock.forward(2 * QUIET)
            incoming = gateway.services.incoming
            await asyncio.gather(*(incoming.sweep() for _ in range(4)))
            async with gateway.store.view() as view:
                payment = await view.payments.by_signature(DEFAULT, signature)
                account = Account(AccountKind.SALES, "stripe")
                assert checkout.amount is not None
                earned = await view.ledger.balance(DEFAULT, account, checkout.amount.asset)
                facts = await view.events.newest(DEFAULT, 100)
            assert payment is not None
            assert (payment.state, earned.total) == (State.SETTLED, PRICE)
            assert [fact.type for fact in facts] == ["payment.succeeded"]
        finally:
            await gateway.aclose()


def _killed(folder: Path, text: str, body: bytes, when: str) -> int:
    settings, event_file = folder / "tillway.yaml", folder / "event"
    settings.write_text(text)
    event_file.write_bytes(body)
    words = (sys.executable, "-m", "support.dying_receiver", settings, event_file, when)
    return subprocess.run(words, cwd=TESTS, check=False, timeout=60).returncode
