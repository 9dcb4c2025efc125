"""The customer portal: a page on which a customer ends and takes up subscriptions."""

from datetime import UTC, datetime
from typing import Final

from aiohttp import web
from attrs import define

from tillway.entrypoints.sandbox.stripe import pages
from tillway.entrypoints.sandbox.stripe.account import Account
from tillway.entrypoints.sandbox.stripe.asking import is_web_address
from tillway.entrypoints.sandbox.stripe.calls import Call, Route
from tillway.entrypoints.sandbox.stripe.errors import invalid
from tillway.entrypoints.sandbox.stripe.plans import UPDATED, cancel_later
from tillway.entrypoints.sandbox.stripe.products import amount_of
from tillway.entrypoints.sandbox.stripe.read import anything, text
from tillway.entrypoints.sandbox.stripe.subscriptions import (
    RUNNING,
    copied,
    end,
    name_of,
    period_of,
)
from tillway.entrypoints.sandbox.stripe.timing import catch_up
from tillway.entrypoints.sandbox.stripe.wire import Json

_PATH: Final = "/p/session/{id}"


def _create(account: Account, call: Call) -> Json:
    given = call.read(
        "customer",
        customer=text(200),
        return_url=text(5000),
        configuration=text(200),
        locale=anything,
    )
    account.get("customer", given["customer"], "customer")
    if "return_url" in given and not is_web_address(given["return_url"]):
        raise invalid("Not a valid URL", "return_url", "url_invalid")
    id = account.shelves.id("billing_portal.session")  # noqa: A001  # Stripe's word
    return account.make(
        "billing_portal.session",
        id=id,
        configuration=given.get("configuration", "bpc_sandbox"),
        customer=given["customer"],
        customer_account=None,
        flow=None,
        locale=None,
        on_behalf_of=None,
        return_url=given.get("return_url"),
        url=f"{account.address}/p/session/{id}",
    )


ROUTES: Final = (Route("POST", "/v1/billing_portal/sessions", _create),)


@define
class Portal:
    """The portal's pages."""

    account: Account

    def routes(self) -> list[web.RouteDef]:
        """Give the page and its buttons."""
        return [
            web.get(_PATH, self.show),
            web.post(_PATH + "/{subscription}/{word:end_later|end_now|go_on}", self.press),
        ]

    async def show(self, request: web.Request) -> web.Response:
        """Show what a customer has."""
        session = self._session(request)
        return _unknown() if session is None else self._page(session)

    async def press(self, request: web.Request) -> web.Response:
        """End a subscription with its period or at once, or take it up again."""
        session = self._session(request)
        if session is None:
            return _unknown()
        made = self.account.shelves.get("subscription", request.match_info["subscription"])
        mine = made is not None and made["customer"] == session["customer"]
        if made is not None and mine and made["status"] in RUNNING:
            self._do(made, request.match_info["word"])
        raise web.HTTPSeeOther(f"/p/session/{session['id']}")

    def _do(self, made: Json, word: str) -> None:
        if word == "end_now":
            end(self.account, made)
            return
        before = copied(made)
        cancel_later(self.account, made, word == "end_later")
        self.account.tell(UPDATED, made, before)

    def _session(self, request: web.Request) -> Json | None:
        catch_up(self.account)
        return self.account.shelves.get("billing_portal.session", request.match_info["id"])

    def _page(self, session: Json) -> web.Response:
        found = self.account.shelves.of("subscription", customer=session["customer"])
        parts = [self._subscription(session, made) for made in found]
        url = session["return_url"]
        return pages.page(
            "Your subscriptions",
            *(parts or [pages.paragraph("There are none.")]),
            pages.link(url, "Back to the shop") if url else "",
        )

    def _subscription(self, session: Json, made: Json) -> str:
        rows = [
            pages.Row(
                name=f"{item['quantity']} × {name_of(self.account, item['price'])}",
                amount=pages.money(amount_of(item["price"], item["quantity"]), made["currency"]),
            )
            for item in made["items"]["data"]
        ]
        path = f"/p/session/{session['id']}/{made['id']}"
        return "".join(
            [
                pages.table(rows),
                pages.paragraph(_standing(made)),
                *(pages.form(f"{path}/{word}", pages.button(told)) for word, told in _verbs(made)),
            ]
        )


def _standing(made: Json) -> str:
    day = datetime.fromtimestamp(period_of(made)[1], UTC).date().isoformat()
    if made["status"] not in RUNNING:
        return "Ended."
    if made["cancel_at_period_end"]:
        return f"Ends on {day}."
    told = {"active": "Active", "trialing": "On trial", "past_due": "Payment is overdue"}
    return f"{told[made['status']]}. Renews on {day}."


def _verbs(made: Json) -> list[tuple[str, str]]:
    if made["status"] not in RUNNING:
        return []
    if made["cancel_at_period_end"]:
        return [("go_on", "Renew after all"), ("end_now", "End now")]
    return [("end_later", "End with this period"), ("end_now", "End now")]


def _unknown() -> web.Response:
    text = pages.paragraph("There is no such session.")
    return pages.page("Nothing here", text, status=404)
