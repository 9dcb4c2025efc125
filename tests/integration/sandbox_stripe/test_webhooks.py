"""Webhooks of the sandbox's Stripe: signed, repeated, doubled and disordered on demand."""

import asyncio
import random
import time

import pytest
import stripe

from support.ear import Ear
from tillway.entrypoints.sandbox.stripe import Account, Served, serve_stripe


async def make(client: stripe.StripeClient, count: int) -> list[str]:
    """Have so many events happen, and give what they are about, in order."""
    return [(await client.v1.customers.create_async({"name": str(at)})).id for at in range(count)]


class TestSignature:
    async def test_the_sdk_believes_it(self, ear: Ear, client: stripe.StripeClient) -> None:
        """The ear has the SDK verify each; a body or a secret of others is not believed."""
        await make(client, 1)
        await ear.hear("customer.created")
        header = ear.headers[0]
        verify = stripe.WebhookSignature.verify_header
        with pytest.raises(stripe.SignatureVerificationError):
            verify("{}", header, ear.secret)

    async def test_it_is_of_the_accounts_time(self) -> None:
        """And as old as is wanted."""
        async with serve_stripe() as served, Ear.listening() as ear:
            served.listen(ear.url, ear.secret)
            served.outbox.trouble.skew = 400
            served.account.tell("ping", served.account.make("customer"))
            await ear.hear("ping")
        signed_at = int(ear.headers[0].split(",")[0].removeprefix("t="))
        assert 395 <= time.time() - signed_at <= 410


class TestDelivery:
    async def test_it_is_sent_until_it_is_taken(
        self, served: Served, ear: Ear, client: stripe.StripeClient
    ) -> None:
        """The same event, with the same id."""
        served.outbox.delays = (0.01,) * 5
        ear.answers += [500, 302, 404]
        await make(client, 1)
        await served.delivered()
        assert len({each["id"] for each in ear.heard}) == 1
        assert [each.status for each in served.outbox.log] == [500, 302, 404, 200]

    async def test_it_is_given_up_in_the_end(
        self, served: Served, ear: Ear, client: stripe.StripeClient
    ) -> None:
        """And can be sent again by hand."""
        served.outbox.delays = (0.01, 0.01)
        ear.answers += [500] * 3
        await make(client, 1)
        await served.delivered()
        assert (len(ear.heard), served.outbox.given_up) == (3, 1)
        served.switches.resend(ear.heard[0]["id"])
        await served.delivered()
        assert [each["id"] for each in ear.heard] == [ear.heard[0]["id"]] * 4

    async def test_nobody_at_home_holds_nobody_up(
        self, served: Served, ear: Ear, client: stripe.StripeClient
    ) -> None:
        """Other endpoints are told all the same."""
        served.listen("http://127.0.0.1:9/hook", "whsec_nobody")
        served.outbox.delays = ()
        await make(client, 3)
        await served.delivered()
        assert ear.types == ["customer.created"] * 3
        assert served.outbox.given_up == 3

    async def test_only_what_is_wanted_is_told(
        self, served: Served, client: stripe.StripeClient
    ) -> None:
        """An endpoint names types, or takes all."""
        async with Ear.listening() as ear:
            served.listen(ear.url, ear.secret, "product.created")
            await make(client, 1)
            await client.v1.products.create_async({"name": "Mug"})
            await served.delivered()
            assert ear.types == ["product.created"]


class TestTrouble:
    async def test_copies_come_again(
        self, served: Served, ear: Ear, client: stripe.StripeClient
    ) -> None:
        """As many as are wanted."""
        served.outbox.trouble.copies = 2
        await make(client, 2)
        await served.delivered()
        assert len(ear.heard) == 6
        assert len({each["id"] for each in ear.heard}) == 2

    async def test_disorder_loses_nothing(
        self, served: Served, ear: Ear, client: stripe.StripeClient
    ) -> None:
        """Everything comes, but not as it happened."""
        served.outbox.chance = random.Random(7)
        served.outbox.trouble.shuffle = served.outbox.trouble.paused = True
        made = await make(client, 20)
        served.outbox.resume()
        await served.delivered()
        heard = [each["data"]["object"]["id"] for each in ear.heard]
        assert sorted(heard) == sorted(made)
        assert heard != made

    async def test_a_pause_holds_all_back(
        self, served: Served, ear: Ear, client: stripe.StripeClient
    ) -> None:
        """Until it ends."""
        served.outbox.trouble.paused = True
        await make(client, 3)
        await asyncio.sleep(0.1)
        assert ear.heard == []
        served.outbox.resume()
        await served.delivered()
        assert len(ear.heard) == 3


class TestBounds:
    async def test_what_is_kept_is_bounded(self) -> None:
        """The oldest of a kind makes room, and prices of one session never for listed ones."""
        account = Account()
        account.shelves.kept = 5
        listed = account.make("price", active=True)
        for _ in range(20):
            account.make("customer")
            account.make("price", aside=True)
        assert len(list(account.shelves.newest("customer"))) == 5
        assert list(account.shelves.newest("price")) == [listed]
