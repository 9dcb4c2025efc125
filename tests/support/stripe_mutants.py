"""Calls of a day at Stripe, each spoiled somewhere: what callers may send by mistake or malice."""

import copy
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import ClientSession
from attrs import define

from support.stripe_day import Day, living
from tillway.entrypoints.sandbox.stripe import SECRET_KEY
from tillway.entrypoints.sandbox.stripe.face import Heard

WORDS: Final = (
    *("", "0", "1", "-1", "-0", "7", "50", "99999999", "100000000", "9" * 400, "1e5", "NaN"),
    *("1.5", "٣", "true", "false", "now", "usd", "jpy", "USD", "month", "forever", "payment"),
    *("subscription", "none", "always_invoice", "http://127.0.0.1/ok", "javascript:x", "http://["),
    *("x" * 600, "\0", "ü€\u202e", "TENTH", "HELLO", "pm_card_visa", "1767323045", "253402300800"),
    *("line_items", "data.customer", "latest_invoice.payments", "a.b.c.d.e", "[", "a[b]"),
)
NAMES: Final = (*WORDS[:30], "amount", "quantity", "expand", "customer", "price", "trial_end")
_EVERY: Final = 25  # calls between two leaps of the clock


async def spoiled_calls(seed: int, count: int) -> Sequence[Heard]:
    """Make so many spoiled calls to an account that has lived, and give them with the answers."""
    async with living() as day, ClientSession() as http:
        face = day.served.face
        good = [each for each in face.heard if each.status == 200]
        face.heard.clear()
        mutants = _Mutants(day, http, random.Random(seed))
        for at in range(count):
            if at % _EVERY == 0:
                mutants.live_on()
            await mutants.ask(mutants.chance.choice(good))
        return list(face.heard)


@define
class _Mutants:
    day: Day
    http: ClientSession
    chance: random.Random
    ids: Mapping[str, Sequence[str]] = {}

    def live_on(self) -> None:
        """Let time pass, have sessions paid, and learn what there is by then."""
        served = self.day.served
        self.day.clock.move(self.chance.choice((0, 3_600, 86_400, 40 * 86_400)))
        for session in served.account.shelves.of("checkout.session", status="open")[:3]:
            if session["expires_at"] > served.account.now():
                served.switches.pay(session["id"])
        found: dict[str, list[str]] = {}
        for kind in served.account.shelves.state().values():
            for item in kind[-10:]:
                found.setdefault(_kind(item["id"]), []).append(item["id"])
        for made in served.account.shelves.of("subscription")[:5]:
            items = made["items"]["data"]
            found.setdefault("si", []).extend(each["id"] for each in items)
        self.ids = found

    async def ask(self, call: Heard) -> None:
        """Make a call again, about something else and with something wrong, or not."""
        params = self._renamed(copy.deepcopy(dict(call.params)))
        for _ in range(self.chance.choice((0, 1, 1, 2))):
            self._spoil(params)
        path = "/".join(self._other(part) for part in call.path.split("/"))
        body = urlencode(list(_flat(params)))
        posts = call.method == "POST"
        address = f"{self.day.served.url}{path}" + ("" if posts else f"?{body}")
        headers = {
            "Authorization": f"Bearer {SECRET_KEY}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        sent = body if posts else None
        async with self.http.request(call.method, address, data=sent, headers=headers) as answer:
            text = await answer.text()
            # A crash is answered by the server itself, and nobody else has heard of it.
            assert answer.status < 500, (call.method, address, body, text)

    def _renamed(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._renamed(item) for name, item in value.items()}
        return self._other(value)

    def _other(self, text: str) -> str:
        """Give another id of the kind, or what is none as it is."""
        others = self.ids.get(_kind(text), ()) if "_" in text else ()
        return self.chance.choice(others) if others and self.chance.random() < 0.8 else text

    def _spoil(self, params: Any) -> None:
        """Replace, drop, wrap or add something, anywhere in the tree."""
        node = params
        while inner := [each for each in node.values() if isinstance(each, dict) and each]:
            if self.chance.random() < 0.4:
                break
            node = self.chance.choice(inner)
        name = self.chance.choice([*node, self.chance.choice(NAMES)])
        match self.chance.randrange(4):
            case 0:
                node.pop(name, None)
            case 1:
                node[name] = {self.chance.choice(("0", "1", "x", "price")): node.get(name, "1")}
            case _:
                node[name] = self.chance.choice(WORDS)


def _kind(id: str) -> str:  # noqa: A002  # Stripe's word
    return id.rpartition("_")[0]


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if not isinstance(value, dict):
        yield path, value
        return
    for name, item in value.items():
        yield from _flat(item, f"{path}[{name}]" if path else name)
