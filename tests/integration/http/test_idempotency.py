"""Requests with an Idempotency-Key: done once, and answered the same again."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from attrs import define, field

from support.faces import LeavingStore
from support.manual_clock import ManualClock
from support.shell import Client, Said, ask, route, shell
from tillway.core.errors import Code, Declined
from tillway.core.ports.clock import Clock
from tillway.entrypoints.clocks import SystemClock
from tillway.entrypoints.http.convert import raw_body
from tillway.entrypoints.http.idempotency import KEPT, REPLAY, once
from tillway.entrypoints.http.render import answer
from tillway.entrypoints.paywall.request import IDEMPOTENCY_KEY, LONGEST_KEY


@define
class Counter:
    """A handler that counts how often it was run."""

    status: int = 200
    runs: int = 0
    gate: asyncio.Event = field(factory=asyncio.Event)
    begun: asyncio.Event = field(factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Count, wait for the gate, and answer or refuse as told."""
        self.runs += 1
        mine = self.runs
        self.begun.set()
        await self.gate.wait()
        if self.status >= 500:
            raise RuntimeError("broken")
        if self.status == 400:
            raise Declined(Code.INVALID_FIELD)
        body = {"run": mine, "read": len(await raw_body(request))}
        return answer(body, self.status, {"X-Own": "kept"})


@define
class Served:
    """What is asked, with its store and its clock."""

    client: Client
    store: LeavingStore
    clock: ManualClock

    async def post(
        self,
        key: str | None = "k",
        path: str = "/thing",
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> Said:
        """Ask, with this key."""
        named = {} if key is None else {IDEMPOTENCY_KEY: key}
        return await ask(self.client, path, "POST", headers={**named, **(headers or {})}, **more)


@asynccontextmanager
async def served(
    counter: Counter, clock: Clock | None = None, **config: Any
) -> AsyncIterator[Served]:
    store, manual = LeavingStore(), ManualClock()
    routes = [
        route(counter.handle, path, "POST", idempotent=path != "/plain")
        for path in ("/thing", "/other", "/plain")
    ]
    async with shell(*once(routes, store, clock or manual), **config) as client:
        yield Served(client, store, manual)


@pytest.fixture
async def counter() -> Counter:
    """Give a handler whose gate is open."""
    made = Counter()
    made.gate.set()
    return made


@pytest.mark.asyncio
class TestRepeats:
    """The same key, the same request."""

    @pytest.mark.parametrize("status", [200, 201, 402])
    async def test_a_repeat_is_answered_as_the_first(self, counter: Counter, status: int) -> None:
        """Status, body and headers, marked as a replay; the handler runs once."""
        counter.status = status
        async with served(counter) as place:
            first, second = await place.post(data=b"{}"), await place.post(data=b"{}")
        assert (first.status, second.status) == (status, status)
        assert first.raw == second.raw
        assert first.headers["X-Own"] == second.headers["X-Own"] == "kept"
        assert REPLAY not in first.headers
        assert second.headers[REPLAY] == "true"
        assert counter.runs == 1

    async def test_without_a_key_each_request_is_its_own(self, counter: Counter) -> None:
        """And so it is on a route that takes no key."""
        async with served(counter) as place:
            for _ in range(2):
                await place.post(None)
                await place.post(path="/plain")
        assert counter.runs == 4

    @pytest.mark.parametrize("status", [400, 500])
    async def test_what_failed_may_be_tried_again(self, counter: Counter, status: int) -> None:
        """A refusal uses no key up, nor does trouble of ours."""
        async with served(counter) as place:
            counter.status = status
            assert (await place.post()).status == status
            counter.status = 200
            assert (await place.post()).body["run"] == 2

    async def test_an_answer_is_kept_for_a_day(self, counter: Counter) -> None:
        """Then the key is free for anything."""
        async with served(counter) as place:
            await place.post(data=b"1")
            place.clock.move(KEPT.total_seconds() + 1)
            assert (await place.post(data=b"22")).body == {"run": 2, "read": 2}

    async def test_a_request_that_timed_out_gives_its_key_up(self) -> None:
        """It is not in the way of the next."""
        counter = Counter()
        async with served(counter, payment_seconds=0.05) as place:
            assert (await place.post()).status == 504
            counter.gate.set()
            assert (await place.post()).body["run"] == 2


@pytest.mark.asyncio
class TestOtherRequests:
    """The same key, something else."""

    @pytest.mark.parametrize("change", [{"data": b"other"}, {"path": "/thing?x=1"}])
    async def test_another_body_or_query_is_refused(
        self, counter: Counter, change: dict[str, Any]
    ) -> None:
        """409, and nothing is run."""
        async with served(counter) as place:
            await place.post(data=b"{}")
            refused = await place.post(**{"data": b"{}", **change})
        assert (refused.status, refused.code) == (409, "idempotency_key_reused")
        assert counter.runs == 1

    async def test_another_path_is_another_request(self, counter: Counter) -> None:
        """A key counts where it was used."""
        async with served(counter) as place:
            await place.post()
            assert (await place.post(path="/other")).body["run"] == 2

    @pytest.mark.parametrize("key", ["k" * (LONGEST_KEY + 1), "k\tk", "schl\u00fcssel", "\u20ac"])
    async def test_a_key_that_is_none_is_refused(self, counter: Counter, key: str) -> None:
        """By its name, and nothing is run: printable ASCII, of at most so many characters."""
        async with served(counter) as place:
            assert (await place.post("k" * LONGEST_KEY)).status == 200
            assert (await place.post("order 17 ~")).status == 200
            refused = await place.post(key)
        assert (refused.status, refused.code) == (400, "invalid_field")
        assert "Idempotency-Key must be" in refused.body["error"]["message"]
        assert counter.runs == 2


@pytest.mark.asyncio
class TestStrangers:
    """The same key and the same request, by somebody else."""

    async def test_whoever_guesses_a_key_is_given_nobodys_answer(self, counter: Counter) -> None:
        """From another address it is a key of his own."""
        async with served(counter, trusted_proxies=("127.0.0.1",)) as place:
            said = [
                (await place.post("order-17", headers={"X-Forwarded-For": each}, data=b"{}")).body
                for each in ("192.0.2.1", "192.0.2.2", "192.0.2.1", "2001:db8::1", "2001:db8::2")
            ]
        assert [each["run"] for each in said] == [1, 2, 1, 3, 3]

    @pytest.mark.parametrize("name", ["Authorization", "X-Signer", "X-Message", "X-Signature"])
    async def test_what_is_shown_makes_a_key_ones_own(self, counter: Counter, name: str) -> None:
        """Another's credential, or none, is somebody else."""
        async with served(counter) as place:
            said = [await place.post(headers={name: each}) for each in ("a", "b", "a")]
            said.append(await place.post())
        assert [each.body["run"] for each in said] == [1, 2, 1, 3]

    async def test_whoever_has_signed_may_come_from_anywhere(self, counter: Counter) -> None:
        """His signature is nobody else's; a name or a key that many have is not enough."""
        signed = {"X-Signer": "wallet", "X-Message": "text", "X-Signature": "of-it"}
        shared = {"Authorization": "Bearer of-every-page"}
        async with served(counter, trusted_proxies=("127.0.0.1",)) as place:
            for shown, runs in ((signed, [1, 1]), (shared, [2, 3])):
                said = [
                    await place.post(headers={**shown, "X-Forwarded-For": address})
                    for address in ("192.0.2.1", "192.0.2.2")
                ]
                assert [each.body["run"] for each in said] == runs


@pytest.mark.asyncio
class TestAtOnce:
    """Requests that race."""

    async def test_of_many_at_once_one_is_run(self) -> None:
        """32 ask together and get one answer."""
        counter = Counter()
        async with served(counter, SystemClock()) as place:
            asking = [asyncio.create_task(place.post()) for _ in range(32)]
            await counter.begun.wait()
            counter.gate.set()
            answers = await asyncio.gather(*asking)
        assert {(each.status, each.raw) for each in answers} == {(200, answers[0].raw)}
        assert counter.runs == 1

    async def test_who_waits_too_long_is_told_to_come_again(self) -> None:
        """503 with Retry-After while the first one runs."""
        counter = Counter()
        async with served(counter) as place:
            first = asyncio.create_task(place.post())
            await counter.begun.wait()
            second = await place.post()
            counter.gate.set()
            assert (await first).status == 200
        assert (second.status, second.headers["Retry-After"]) == (503, "2")

    async def test_without_a_store_nothing_is_done(self, counter: Counter) -> None:
        """A key that cannot be kept promises nothing."""
        async with served(counter) as place:
            place.store.away = True
            assert (await place.post()).status == 503
        assert counter.runs == 0
