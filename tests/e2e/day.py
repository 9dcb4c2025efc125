"""A sandbox for a whole day at the shop, with all that happens behind the counter."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import yaml
from attrs import field, frozen

from e2e.http_call import Answer, call
from e2e.sandbox import Sandbox, running
from support.command import Done, tillway
from support.waiting import until

PATIENCE: Final = 60.0
"""Seconds that a busy machine may take for what takes a moment."""

MONTH: Final = 32 * 24 * 3600
"""Seconds that are longer than any month."""


@frozen(kw_only=True)
class Day:
    """The sandbox, its operator, and its Stripe seen from the other side."""

    sandbox: Sandbox
    stripe: str
    settings: Path
    key: str = field(repr=False)
    secret: str = field(repr=False)

    def ask(self, path: str, body: object = None, method: str | None = None) -> Answer:
        """Ask the gateway as its operator."""
        return call(self.sandbox.url + path, body, headers=_bearer(self.key), method=method)

    def told(self, path: str, body: object = None) -> Any:
        """Do the same, and give what a 200 says."""
        answer = self.ask(path, body)
        assert answer.status == 200, answer.content
        return answer.json()

    def at_stripe(self, path: str) -> Any:
        """Read an object of the shop's account at Stripe."""
        answer = call(f"{self.stripe}/v1/{path}", headers=_bearer(self.secret))
        assert answer.status == 200, answer.content
        return answer.json()

    def switch(self, word: str, **body: object) -> None:
        """Have something happen at Stripe without the shop."""
        answer = call(f"{self.stripe}/_control/{word}", body)
        assert answer.status == 200, answer.content

    def forward(self, seconds: int) -> None:
        """Move the sandbox's clock on."""
        self.told("/sandbox/clock", {"forwardSeconds": seconds})

    def purchases(self) -> Mapping[str, Mapping[str, Any]]:
        """Give everything that was bought, by what it was paid with."""
        listed = self.told("/paywall/v1/purchases?limit=500")["purchases"]
        return {each["signature"]: each for each in listed}

    def opens(self, resource: str, session: str) -> int:
        """Show a paid session at the paywall, and give the status."""
        shown = {"X-Stripe-Session": session}
        return call(f"{self.sandbox.url}/paywall/{resource}", headers=shown).status

    def command(self, *words: object) -> Done:
        """Run a command on the sandbox's own settings."""
        return tillway(*words, "--config", self.settings, folder=self.settings.parent)


@frozen(kw_only=True)
class Refunds:
    """Money given back for one purchase."""

    day: Day
    purchase: Mapping[str, object]

    def asked(self, amount: float) -> Answer:
        """Ask for some of it."""
        body = {**self.purchase, "amount": amount}
        return self.day.ask("/paywall/v1/refunds/request", body)

    async def given(self, amount: float) -> None:
        """Ask, approve, and wait until it was paid."""
        await until(lambda: self._is_asked(amount), PATIENCE)
        refund = self._waiting(amount)
        self.day.told("/paywall/v1/refunds/approve", {"refundId": refund})
        await until(lambda: self._is_paid(refund), PATIENCE)

    async def _is_asked(self, amount: float) -> bool:
        answer = self.asked(amount)
        assert answer.status == 200 or answer.json()["error"]["retryable"], answer.content
        return answer.status == 200

    def _waiting(self, amount: float) -> str:
        listed = self.day.ask("/paywall/v1/refunds/pending", method="POST").json()["refunds"]
        bought = self.purchase["originalPurchaseId"]
        (refund,) = [
            str(each["id"])
            for each in listed
            if (each["originalPurchaseId"], each["amount"]) == (bought, amount)
        ]
        return refund

    async def _is_paid(self, refund: str) -> bool:
        self.day.forward(5)
        return bool(self.day.told(f"/paywall/v1/refunds/{refund}")["status"] == "processed")


@frozen(kw_only=True)
class Subscriber:
    """A customer of Stripe's, and what the gateway says of him."""

    day: Day
    id: str
    subscription: str

    def status(self, resource: str) -> Any:
        """Give what he has of a product."""
        query = f"resource={resource}&userId={self.id}"
        return self.day.told(f"/paywall/v1/subscription/status?{query}")

    async def becomes(self, resource: str, word: str, *, active: bool) -> None:
        """Wait for a status, and see whether it gives access."""
        await until(lambda: self._is(resource, word), PATIENCE)
        assert self.status(resource)["active"] is active

    async def _is(self, resource: str, word: str) -> bool:
        return bool(self.status(resource)["status"] == word)


@contextmanager
def a_day(folder: Path) -> Iterator[Day]:
    """Run a sandbox until the block ends."""
    with running(folder) as sandbox:
        about = call(f"{sandbox.url}/sandbox").json()
        settings = Path(about["settings"])
        yield Day(
            sandbox=sandbox,
            stripe=about["stripe_url"],
            settings=settings,
            key=about["operator_key"],
            secret=yaml.safe_load(settings.read_text())["stripe"]["secret_key"],
        )


def _bearer(key: str) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {key}"}
