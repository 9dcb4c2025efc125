"""Who may change a subscription, and what becomes of it with time."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from support.chain import Wallet
from support.members import (
    GOLD,
    MEMBERS,
    PATH,
    activated,
    headers,
    status,
    subscribed,
)
from support.shop import Answer, Shop, open_shop

pytestmark = pytest.mark.asyncio

KEY = "an operator's key of forty characters, or so"
ADMIN = {"Authorization": f"Bearer {KEY}"}


@pytest.fixture
async def club(storage: dict[str, Any]) -> AsyncIterator[Shop]:
    """Give a shop that sells subscriptions, on each store."""
    sections = {**MEMBERS, "server": {"admin_api_key": KEY}}
    async with open_shop(background=False, storage=storage, **sections) as made:
        yield made


async def signed(shop: Shop, buyer: Wallet, action: str, subscription: str) -> dict[str, str]:
    """Ask for a nonce, and sign for an action."""
    said = await shop.post("/paywall/v1/nonce", {"purpose": f"{action}-subscription"})
    return headers(buyer, f"{action}-subscription:{subscription}:{said.body['nonce']}")


async def member(shop: Shop, usdc: int = 3 * GOLD, **asked: Any) -> tuple[Wallet, str]:
    """Give a wallet that has subscribed, and its subscription's id."""
    buyer = shop.buyer(usdc=usdc)
    signature = await subscribed(shop, buyer, **asked)
    resource = asked.get("resource", "gold")
    said = await activated(shop, str(buyer.address), signature, resource)
    return buyer, said.body["subscriptionId"]


async def wait(shop: Shop, until: datetime | None = None, **span: float) -> None:
    """Move the clock on, and let the worker pass by."""
    ahead = timedelta(**span) if until is None else until - shop.clock.now()
    shop.clock.forward(ahead)
    await shop.gateway.services.subscribe.upkeep.run()


async def told(shop: Shop) -> list[str]:
    """Give the kinds of facts about subscriptions, oldest first."""
    events = await shop.events()
    return [each.type for each in reversed(events) if each.type.startswith("subscription.")]


class TestProof:
    """Every change needs one."""

    async def test_only_the_wallet_and_the_operator_may(self, club: Shop) -> None:
        """401 for nothing, for a broken or a used signature; 403 for another wallet's."""
        buyer, one = await member(club)
        stranger, body = club.buyer(), {"subscriptionId": one, "atPeriodEnd": True}
        cancel = f"{PATH}/cancel"
        broken = {**await signed(club, buyer, "cancel", one), "X-Signature": "A" * 86 + "=="}
        no_nonce = headers(buyer, f"cancel-subscription:{one}")
        other_deed = await signed(club, buyer, "reactivate", one)
        for refused in (None, broken, no_nonce, other_deed, {"X-Wallet": str(buyer.address)}):
            said = await club.post(cancel, body, refused)
            assert (said.status, said.code) == (401, "unauthorized"), refused
        said = await club.post(cancel, body, await signed(club, stranger, "cancel", one))
        assert (said.status, said.code) == (403, "forbidden")
        wrong = {"Authorization": "Bearer another key of the same length, roughly"}
        assert (await club.post(cancel, body, wrong)).status == 401
        assert not (await status(club, str(buyer.address)))["cancelAtPeriodEnd"]

        right = await signed(club, buyer, "cancel", one)
        said = await club.post(cancel, body, right)
        assert said.body == {"success": True, "atPeriodEnd": True}
        assert (await club.post(cancel, body, right)).status == 401
        assert (await status(club, str(buyer.address)))["cancelAtPeriodEnd"]
        said = await club.post(f"{PATH}/reactivate", {"subscriptionId": one}, ADMIN)
        assert (said.status, said.body["cancelAtPeriodEnd"]) == (200, False)

    @pytest.mark.parametrize("storage", ["memory"], indirect=True)
    async def test_a_signature_is_for_one_subscription(self, club: Shop) -> None:
        """What was signed for one ends no other, not even of the same wallet."""
        buyer, gold = await member(club)
        signature = await subscribed(club, buyer, resource="silver", interval="weekly")
        said = await activated(club, str(buyer.address), signature, "silver")
        silver = said.body["subscriptionId"]
        word = await signed(club, buyer, "cancel", gold)
        said = await club.post(f"{PATH}/cancel", {"subscriptionId": silver}, word)
        assert (said.status, said.code) == (401, "unauthorized")


class TestChanges:
    """What the owner does with it."""

    async def test_cancelled_now_it_is_over(self, club: Shop) -> None:
        """A repeat is answered the same, and paying anew begins a new one."""
        buyer, one = await member(club)
        wallet, body = str(buyer.address), {"subscriptionId": one}
        for _ in range(2):
            said = await club.post(f"{PATH}/cancel", body, ADMIN)
            assert said.body == {"success": True, "atPeriodEnd": False}
        shown = await status(club, wallet)
        assert (shown["active"], shown["status"]) == (False, "canceled")
        said = await club.post(f"{PATH}/reactivate", body, ADMIN)
        assert (said.status, said.code) == (400, "invalid_field")
        assert said.body["error"]["message"] == "subscription period has already ended"
        again = await activated(club, wallet, await subscribed(club, buyer))
        assert again.body["subscriptionId"] != one
        assert again.body["status"] == "active"

    @pytest.mark.parametrize("storage", ["memory"], indirect=True)
    async def test_the_older_client_names_whose_it_is(self, club: Shop) -> None:
        """By resource and user, and means the period's end unless it says otherwise."""
        buyer, _ = await member(club)
        body = {"resource": "gold", "userId": str(buyer.address)}
        said = await club.post(f"{PATH}/cancel", body, ADMIN)
        assert said.body == {"success": True, "atPeriodEnd": True}
        said = await club.post(f"{PATH}/cancel", {**body, "immediate": True}, ADMIN)
        assert said.body == {"success": True, "atPeriodEnd": False}
        assert not (await status(club, str(buyer.address)))["active"]

    @pytest.mark.parametrize("storage", ["memory"], indirect=True)
    async def test_another_plan_begins_where_this_one_ends(self, club: Shop) -> None:
        """Nothing of it is had before it is paid, and nothing that was paid is lost."""
        buyer, one = await member(club, resource="silver", interval="weekly")
        wallet = str(buyer.address)
        asked = {"currentResource": "silver", "newResource": "gold", "userId": wallet}
        seen = await club.post(f"{PATH}/change/preview", asked)
        assert (seen.body["immediateAmount"], seen.body["newPlanPrice"]) == (0, GOLD)
        assert (seen.body["currency"], seen.body["daysRemaining"]) == ("USDC", 6)
        body = {"subscriptionId": one, "newResource": "gold"}
        said = await club.post(f"{PATH}/change", body, await signed(club, buyer, "change", one))
        assert said.status == 200
        assert said.body["previousResource"] == "silver"
        assert said.body["prorationBehavior"] == "none"
        end = said.body["currentPeriodEnd"]
        assert said.body["effectiveDate"] == end == seen.body["effectiveDate"]
        assert not (await status(club, wallet, "gold"))["active"]

        new = await activated(club, wallet, await subscribed(club, buyer))
        assert new.body["periodStart"] == end
        assert not (await status(club, wallet, "gold"))["active"]
        assert (await status(club, wallet, "silver"))["active"]
        await wait(club, datetime.fromisoformat(end))
        assert (await status(club, wallet, "gold"))["active"]
        assert (await status(club, wallet, "silver"))["status"] == "canceled"
        heard = await told(club)
        assert heard[0] == heard[3] == "subscription.created"
        assert set(heard[1:3]) == {"subscription.changed", "subscription.cancel_scheduled"}
        assert heard[4:] == ["subscription.cancelled"]

    @pytest.mark.parametrize("storage", ["memory"], indirect=True)
    async def test_what_is_refused(self, club: Shop) -> None:
        """Each by its code, status and words, to the operator too."""
        buyer, one = await member(club)
        nobody = "00000000-0000-4000-8000-000000000000"
        named, whose = {"subscriptionId": one}, {"userId": str(buyer.address)}
        cases: list[tuple[str, dict[str, Any], int, str, str]] = [
            ("cancel", {}, 400, "missing_field", "subscriptionId is required"),
            ("cancel", {"subscriptionId": nobody}, 404, "resource_not_found", _NONE),
            ("cancel", {"subscriptionId": "no id"}, 404, "resource_not_found", _NONE),
            ("reactivate", {}, 400, "missing_field", "subscriptionId is required"),
            ("reactivate", {"subscriptionId": nobody}, 404, "resource_not_found", _NONE),
            (
                "reactivate",
                named,
                400,
                "invalid_field",
                "subscription is not scheduled for cancellation",
            ),
            ("change", named, 400, "missing_field", "newResource is required"),
            (
                "change",
                {"newResource": "silver"},
                400,
                "missing_field",
                "subscriptionId is required",
            ),
            ("change", {**named, "newResource": "no"}, 404, "resource_not_found", _NEW),
            (
                "change",
                {**named, "newResource": "article"},
                400,
                "invalid_field",
                "new resource is not a subscription product",
            ),
            (
                "change",
                {**named, "newResource": "cards-only"},
                400,
                "invalid_field",
                "product does not allow x402 subscriptions",
            ),
            (
                "change",
                {**named, "newResource": "silver", "newInterval": "yearly"},
                400,
                "invalid_field",
                "invalid interval: this resource is billed weekly",
            ),
            (
                "change",
                {**named, "newResource": "gold"},
                400,
                "invalid_field",
                "subscription is on this resource already",
            ),
            ("change/preview", whose, 400, "missing_field", _BOTH),
            ("portal", {}, 400, "missing_field", "customerId is required"),
            ("portal", {"customerId": "cus_1"}, 404, "resource_not_found", _NONE),
        ]
        for path, body, code, word, message in cases:
            said = await club.post(f"{PATH}/{path}", body, ADMIN)
            assert (said.status, said.code) == (code, word), (path, body)
            assert said.body["error"]["message"] == message
        said = await club.post(f"{PATH}/portal", {"customerId": "cus_1"})
        assert (said.status, said.code) == (401, "unauthorized")


_WHICH = "subscriptionId is required"
_NONE = "subscription not found"
_NEW = "new resource not found"
_BOTH = "currentResource is required; newResource is required"


class TestTime:
    """The clock runs out."""

    async def test_unpaid_it_is_past_due_and_then_expired(self, club: Shop) -> None:
        """Access lasts for the grace, and is told of once each."""
        buyer, _ = await member(club)
        wallet = str(buyer.address)
        end = datetime.fromisoformat((await status(club, wallet))["expiresAt"])
        await wait(club, end - timedelta(minutes=1))
        assert (await status(club, wallet))["status"] == "active"
        await wait(club, minutes=2)
        shown = await status(club, wallet)
        assert (shown["active"], shown["status"]) == (True, "past_due")
        await wait(club, end + timedelta(hours=23, minutes=59))
        assert (await status(club, wallet))["active"]
        await wait(club, minutes=1)
        shown = await status(club, wallet)
        assert (shown["active"], shown["status"]) == (False, "expired")
        await wait(club, days=400)
        assert await told(club) == [
            "subscription.created",
            "subscription.past_due",
            "subscription.expired",
        ]

    @pytest.mark.parametrize("storage", ["memory"], indirect=True)
    async def test_the_products_own_grace_counts_before_the_services(self, club: Shop) -> None:
        """Two hours where everybody else has a day."""
        buyer, _ = await member(club, resource="silver", interval="weekly")
        wallet = str(buyer.address)
        await wait(club, days=7, hours=1, minutes=59)
        assert (await status(club, wallet, "silver"))["active"]
        await wait(club, minutes=1)
        assert (await status(club, wallet, "silver"))["status"] == "expired"

    async def test_paid_in_the_grace_it_goes_on_from_the_old_end(self, club: Shop) -> None:
        """And is told to be renewed."""
        buyer, one = await member(club)
        wallet = str(buyer.address)
        end = datetime.fromisoformat((await status(club, wallet))["expiresAt"])
        await wait(club, end + timedelta(hours=3))
        again = await activated(club, wallet, await subscribed(club, buyer))
        assert (again.body["subscriptionId"], again.body["status"]) == (one, "active")
        assert 28 <= (datetime.fromisoformat(again.body["periodEnd"]) - end).days <= 31
        assert (await told(club))[-1] == "subscription.renewed"

    @pytest.mark.parametrize("storage", ["memory"], indirect=True)
    async def test_what_was_to_end_ends_with_its_period(self, club: Shop) -> None:
        """Without any grace."""
        buyer, one = await member(club)
        wallet = str(buyer.address)
        body = {"subscriptionId": one, "atPeriodEnd": True}
        assert (await club.post(f"{PATH}/cancel", body, ADMIN)).status == 200
        end = datetime.fromisoformat((await status(club, wallet))["expiresAt"])
        await wait(club, end - timedelta(seconds=1))
        assert (await status(club, wallet))["active"]
        await wait(club, seconds=1)
        shown = await status(club, wallet)
        assert (shown["active"], shown["status"]) == (False, "canceled")
        await wait(club, seconds=11)
        assert (await told(club))[-1] == "subscription.cancelled"

    @pytest.mark.parametrize("storage", ["memory"], indirect=True)
    async def test_access_ends_by_its_dates_without_the_worker(self, club: Shop) -> None:
        """However late anybody writes that it is over."""
        buyer, _ = await member(club)
        club.clock.forward(timedelta(days=33))
        shown = await status(club, str(buyer.address))
        assert (shown["active"], shown["status"]) == (False, "expired")
        now = int(club.clock.now().timestamp())
        word = headers(buyer, f"access:{club.address}/paywall/gold:{now}")
        assert _is_402(await club.get("/paywall/gold", word))


def _is_402(said: Answer) -> bool:
    return said.status == 402
