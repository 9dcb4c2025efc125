"""How the sandbox's Stripe answers: keys, idempotency, faults, lists of events."""

import asyncio
from typing import Any

import pytest
import stripe
from aiohttp import ClientSession, encode_basic_auth

from support.manual_clock import ManualClock
from tillway.entrypoints.sandbox.stripe import SECRET_KEY, Kind, Served

BASIC = {"Authorization": encode_basic_auth(SECRET_KEY, "")}
CUSTOMER: Any = {"email": "ada@example.com"}


def client_of(served: Served, session: ClientSession, key: str, retries: int = 0) -> Any:
    """Give a client of the SDK."""
    return stripe.StripeClient(
        key,
        base_addresses={"api": served.url},
        http_client=stripe.AIOHTTPClient(timeout=10, session=session),
        max_network_retries=retries,
    )


async def customers(client: stripe.StripeClient) -> int:
    """Count the customers."""
    return len((await client.v1.customers.list_async({"limit": 100})).data)


class TestKeys:
    @pytest.mark.parametrize("key", ["sk_live_abcdefgh", "pk_test_abcdefgh", "sk_test_x"])
    async def test_other_keys_are_refused(
        self, served: Served, browser: ClientSession, key: str
    ) -> None:
        """With 401, and without the key in the answer."""
        with pytest.raises(stripe.AuthenticationError) as caught:
            await client_of(served, browser, key).v1.customers.list_async()
        assert key not in str(caught.value)

    async def test_a_key_is_needed(self, served: Served, browser: ClientSession) -> None:
        """In either form of Authorization."""
        url = f"{served.url}/v1/customers"
        async with browser.get(url) as answer:
            assert answer.status == 401
        async with browser.get(url, headers=BASIC) as answer:
            assert answer.status == 200
            assert answer.headers["Request-Id"].startswith("req_")

    @pytest.mark.parametrize(
        ("version", "status"), [("2025-03-31.basil", 200), ("2024-06-20", 200), ("new", 400)]
    )
    async def test_a_version_is_a_date(
        self, served: Served, browser: ClientSession, version: str, status: int
    ) -> None:
        """It is named in the answer, and what is none is refused."""
        headers = {**BASIC, "Stripe-Version": version}
        async with browser.get(f"{served.url}/v1/customers", headers=headers) as answer:
            assert answer.status == status
            assert answer.headers.get("Stripe-Version") == (version if status == 200 else None)

    async def test_unknown_paths_are_named(self, served: Served, browser: ClientSession) -> None:
        """With 404 in Stripe's form."""
        async with browser.get(f"{served.url}/v1/unicorns") as answer:
            assert answer.status == 404
            error = (await answer.json())["error"]
        assert "Unrecognized request URL (GET: /v1/unicorns)" in error["message"]

    @pytest.mark.parametrize(
        "body", ["a[b=1", "a=1&a[b]=2", "a[b][c][d][e][f][g][h][i][j]=1", "&".join(["a=1"] * 6000)]
    )
    async def test_malformed_forms_are_refused(
        self, served: Served, browser: ClientSession, body: str
    ) -> None:
        """They are the caller's mistakes, however deep or long."""
        async with browser.post(
            f"{served.url}/v1/customers", data=body.encode(), headers=BASIC
        ) as answer:
            assert answer.status == 400


class TestIdempotency:
    async def test_a_repeat_gives_the_first_answer(
        self, client: stripe.StripeClient, served: Served, browser: ClientSession
    ) -> None:
        """And does nothing; the header tells."""
        first = await client.v1.customers.create_async(CUSTOMER, {"idempotency_key": "k"})
        again = await client.v1.customers.create_async(CUSTOMER, {"idempotency_key": "k"})
        assert again.id == first.id
        assert again.last_response is not None
        assert again.last_response.headers["Idempotent-Replayed"] == "true"
        assert await customers(client) == 1
        other = client_of(served, browser, "sk_test_somebodyelse")
        assert (await other.v1.customers.create_async(CUSTOMER, {"idempotency_key": "k"})).id
        assert await customers(client) == 2

    async def test_another_request_with_the_key_is_refused(
        self, client: stripe.StripeClient
    ) -> None:
        """With 400, as an error of its own kind."""
        await client.v1.customers.create_async(CUSTOMER, {"idempotency_key": "k"})
        with pytest.raises(stripe.IdempotencyError) as caught:
            await client.v1.customers.create_async({"name": "Bob"}, {"idempotency_key": "k"})
        assert caught.value.http_status == 400

    async def test_two_at_once_are_not_both_done(
        self, client: stripe.StripeClient, served: Served
    ) -> None:
        """The one that comes while the first runs gets 409."""
        served.faults.latency_ms = 200

        async def create() -> Any:
            return await client.v1.customers.create_async(CUSTOMER, {"idempotency_key": "k"})

        found = await asyncio.gather(create(), create(), return_exceptions=True)
        served.faults.clear()
        refused = [each for each in found if isinstance(each, stripe.StripeError)]
        assert [each.http_status for each in refused] == [409]
        assert await customers(client) == 1

    async def test_what_was_invalid_is_not_remembered(self, client: stripe.StripeClient) -> None:
        """The key can be used again, and is."""
        wanted: Any = {
            "mode": "payment",
            "success_url": "http://127.0.0.1/ok",
            "line_items": [{"price": "price_later", "quantity": 1}],
        }
        for _ in range(2):
            with pytest.raises(stripe.InvalidRequestError) as caught:
                await client.v1.checkout.sessions.create_async(wanted, {"idempotency_key": "k"})
            assert caught.value.code == "resource_missing"
        made = await client.v1.customers.create_async(CUSTOMER, {"idempotency_key": "k"})
        assert made.email == CUSTOMER["email"]

    async def test_keys_are_forgotten_after_a_day(
        self, client: stripe.StripeClient, clock: ManualClock
    ) -> None:
        """As Stripe may."""
        await client.v1.customers.create_async(CUSTOMER, {"idempotency_key": "k"})
        clock.move(24 * 3600)
        await client.v1.customers.create_async(CUSTOMER, {"idempotency_key": "k"})
        assert await customers(client) == 2


class TestFaults:
    @pytest.mark.parametrize(("effective", "count"), [(False, 0), (True, 1)])
    async def test_an_error_of_stripes_own(
        self, client: stripe.StripeClient, served: Served, effective: bool, count: int
    ) -> None:
        """Before the work is done, or after: only a look can tell."""
        served.faults.add(Kind.HTTP_500, "POST /v1/customers", effective=effective)
        with pytest.raises(stripe.APIError) as caught:
            await client.v1.customers.create_async(CUSTOMER, {"idempotency_key": "k"})
        assert caught.value.http_status == 500
        assert await customers(client) == count

    async def test_an_error_after_the_work_is_given_again(
        self, client: stripe.StripeClient, served: Served
    ) -> None:
        """Stripe remembers its own errors; where the way has failed, the truth comes out."""
        calls = "POST /v1/customers"
        served.faults.add(Kind.HTTP_500, calls, effective=True)
        for _ in range(2):
            with pytest.raises(stripe.APIError):
                await client.v1.customers.create_async(CUSTOMER, {"idempotency_key": "k"})
        served.faults.add(Kind.HTTP_500, calls, effective=True, remembered=False)
        with pytest.raises(stripe.APIError):
            await client.v1.customers.create_async(CUSTOMER, {"idempotency_key": "l"})
        assert (await client.v1.customers.create_async(CUSTOMER, {"idempotency_key": "l"})).id
        assert await customers(client) == 2

    async def test_a_broken_connection_is_mended_by_the_sdk(
        self, served: Served, browser: ClientSession
    ) -> None:
        """It repeats with its own key, and nothing is done twice."""
        client = client_of(served, browser, SECRET_KEY, retries=2)
        served.faults.add(Kind.DROP, "POST *", effective=True)
        await client.v1.customers.create_async(CUSTOMER)
        assert await customers(client) == 1
        assert [(each.status, each.replayed) for each in served.face.heard][:2] == [
            (0, False),
            (200, True),
        ]

    async def test_too_many_requests(self, client: stripe.StripeClient, served: Served) -> None:
        """As often as it is switched on."""
        served.faults.add(Kind.HTTP_429, times=2)
        for _ in range(2):
            with pytest.raises(stripe.RateLimitError):
                await client.v1.customers.list_async()
        assert await customers(client) == 0


class TestEvents:
    async def test_they_are_listed_by_type(self, client: stripe.StripeClient) -> None:
        """With the request that caused them."""
        made = await client.v1.customers.create_async(CUSTOMER, {"idempotency_key": "k"})
        await client.v1.customers.update_async(made.id, {"name": "Ada"})
        found = await client.v1.events.list_async({"type": "customer.updated"})
        (event,) = found.data
        assert event.data.object["name"] == "Ada"
        assert event.data.previous_attributes is not None
        assert event.data.previous_attributes["name"] is None
        created = (await client.v1.events.list_async({"types": ["customer.created"]})).data[0]
        assert created.request is not None
        assert created.request.idempotency_key == "k"
        assert (await client.v1.events.retrieve_async(event.id)).id == event.id


class TestControl:
    async def test_other_processes_have_the_switches(
        self, served: Served, browser: ClientSession, client: stripe.StripeClient
    ) -> None:
        """By JSON; what cannot be done is refused."""
        made = await client.v1.payment_intents.create_async(
            {"amount": 900, "currency": "usd", "confirm": True, "payment_method": "pm_card_visa"}
        )
        url = f"{served.url}/_control"
        async with browser.post(f"{url}/dispute", json={"payment": made.id}) as answer:
            assert (await answer.json())["status"] == "needs_response"
        for verb, body, status in (
            ("dispute", {"payment": made.id}, 400),
            ("dispute", {"payment": "ch_nothing"}, 404),
            ("dispute", {"payment": 7}, 400),
            ("dispute", {"colour": "red"}, 400),
            ("explode", {}, 404),
            ("faults", {"latency_ms": "slow"}, 400),
            ("webhooks", {"colour": "red"}, 400),
        ):
            async with browser.post(f"{url}/{verb}", json=body) as answer:
                assert (verb, body, answer.status) == (verb, body, status)
        async with browser.post(f"{url}/dispute", data={"payment": made.id}) as answer:
            assert answer.status == 415

    async def test_faults_and_deliveries_are_set_and_shown(
        self, served: Served, browser: ClientSession
    ) -> None:
        """Whole: what is not named is as it was at first."""
        url = f"{served.url}/_control"
        wanted = {"spoiled": [{"kind": "http_429", "calls": "GET *", "times": None}]}
        async with browser.post(f"{url}/faults", json=wanted) as answer:
            assert answer.status == 200
        async with browser.post(f"{url}/webhooks", json={"copies": 1}) as answer:
            assert answer.status == 200
        async with browser.get(url) as answer:
            shown = await answer.json()
        assert shown["faults"]["spoiled"][0]["kind"] == "http_429"
        assert shown["webhooks"]["copies"] == 1
        assert served.faults.take("GET", "/v1/x") is not None
