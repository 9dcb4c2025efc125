"""The hosted checkout page: what a buyer sees and the buttons that he presses."""

from collections.abc import Callable
from typing import Final

from aiohttp import web
from attrs import define

from tillway.entrypoints.sandbox.stripe import pages
from tillway.entrypoints.sandbox.stripe.account import Account
from tillway.entrypoints.sandbox.stripe.buying import EMAIL, decline, pay, pay_slowly, settle
from tillway.entrypoints.sandbox.stripe.cards import DECLINED
from tillway.entrypoints.sandbox.stripe.errors import Refused
from tillway.entrypoints.sandbox.stripe.lines import refill
from tillway.entrypoints.sandbox.stripe.reductions import code_named, usable_code
from tillway.entrypoints.sandbox.stripe.sessions import apply
from tillway.entrypoints.sandbox.stripe.timing import catch_up
from tillway.entrypoints.sandbox.stripe.wire import Json

PATH: Final = "/c/pay/{id}"
_PLACEHOLDER: Final = "{CHECKOUT_SESSION_ID}"


@define
class Checkout:
    """The pages of an account's sessions."""

    account: Account

    def routes(self) -> list[web.RouteDef]:
        """Give the page and its buttons."""
        return [
            web.get(PATH, self.show),
            web.post(PATH + "/pay", self.pay),
            web.post(PATH + "/decline", self.decline),
            web.post(PATH + "/pay_slowly", self.pay_slowly),
            web.post(PATH + "/promotion", self.promotion),
            web.post(PATH + "/bank/{word:paid|refused}", self.bank),
        ]

    async def show(self, request: web.Request) -> web.Response:
        """Show what is to be paid, or what became of it."""
        session = self._session(request)
        return _unknown() if session is None else _page(session)

    async def pay(self, request: web.Request) -> web.Response:
        """Pay by card, and go back to the shop."""
        return await self._buy(request, pay)

    async def pay_slowly(self, request: web.Request) -> web.Response:
        """Pay by a bank account, and go back to the shop before the money is there."""
        return await self._buy(request, pay_slowly)

    async def decline(self, request: web.Request) -> web.Response:
        """Try a card that is declined."""
        session = self._session(request)
        if session is None:
            return _unknown()
        try:
            decline(self.account, session, await _email(request))
        except Refused as refused:
            return _page(session, refused.message)
        return _page(session, DECLINED.message)

    async def promotion(self, request: web.Request) -> web.Response:
        """Take a promotion code."""
        session = self._session(request)
        if session is None:
            return _unknown()
        typed = (await _field(request, "code"))[:500]
        try:
            self._apply(session, typed)
        except Refused as refused:
            return _page(session, refused.message)
        return _page(session)

    def _apply(self, session: Json, typed: str) -> None:
        if session["status"] != "open" or not session["allow_promotion_codes"]:
            raise Refused("This session takes no promotion codes.")
        code = code_named(self.account, typed.strip())
        if code is None:
            raise Refused("This code is invalid.")
        coupon = usable_code(self.account, code, session["amount_subtotal"], "code")
        before = {name: session[name] for name in ("_applied", "discounts")}
        try:
            apply(self.account, session, coupon, code)
            refill(self.account, session)
        except Refused:
            session.update(before)
            raise

    async def bank(self, request: web.Request) -> web.Response:
        """Have the bank's money come, or not."""
        session = self._session(request)
        if session is None:
            return _unknown()
        settle(self.account, session, paid=request.match_info["word"] == "paid")
        return _page(session)

    async def _buy(
        self, request: web.Request, does: Callable[[Account, Json, str | None], None]
    ) -> web.Response:
        session = self._session(request)
        if session is None:
            return _unknown()
        email = await _email(request)
        try:
            does(self.account, session, email)
        except Refused as refused:
            return _page(session, refused.message)
        raise web.HTTPSeeOther(success_url(session))

    def _session(self, request: web.Request) -> Json | None:
        catch_up(self.account)
        return self.account.shelves.get("checkout.session", request.match_info["id"])


def success_url(session: Json) -> str:
    """Give where a buyer goes who has paid."""
    return str(session["success_url"]).replace(_PLACEHOLDER, session["id"])


async def _field(request: web.Request, name: str) -> str:
    value = (await request.post()).get(name, "")
    return value if isinstance(value, str) else ""


async def _email(request: web.Request) -> str | None:
    typed = (await _field(request, "email")).strip()
    return typed if "@" in typed and len(typed) <= 500 else None


def _unknown() -> web.Response:
    return pages.page(
        "Nothing to pay here", pages.paragraph("There is no such session."), status=404
    )


def _page(session: Json, problem: str = "") -> web.Response:
    match session["status"]:
        case "open":
            return _open(session, problem)
        case "complete":
            return _complete(session, problem)
        case _:
            gone = pages.paragraph("This session has expired. Nothing was charged.")
            return pages.page("Expired", gone, *_back(session), status=410)


def _open(session: Json, problem: str) -> web.Response:
    path = f"/c/pay/{session['id']}"
    due = pages.money(session["amount_total"], session["currency"])
    trial = session["_trial"] > 0
    label = "Start trial" if trial else "Subscribe" if session["mode"] != "payment" else "Pay"
    slow = session["mode"] == "payment" and session["amount_total"] > 0
    buttons = [
        pages.button(f"{label} {due}", main=True),
        pages.button("Use a card that is declined", action=f"{path}/decline"),
        pages.button("Pay by bank, which takes days", action=f"{path}/pay_slowly") if slow else "",
    ]
    email = session["customer_email"] or EMAIL
    asks = "" if session["customer"] else pages.field("email", "Email", email, "email")
    return pages.page(
        "Checkout",
        pages.alert(problem) if problem else "",
        pages.table(_rows(session)),
        _code_form(session, path),
        pages.form(f"{path}/pay", asks, *buttons),
        *_back(session),
        goes_to=(session["success_url"],),
    )


def _code_form(session: Json, path: str) -> str:
    if not session["allow_promotion_codes"]:
        return ""
    code = pages.field("code", "Promotion code")
    return pages.form(f"{path}/promotion", code, pages.button("Apply"))


def _rows(session: Json) -> list[pages.Row]:
    currency, totals = session["currency"], session["total_details"]
    rows = [
        pages.Row(
            name=f"{item['quantity']} × {item['description']}",
            amount=pages.money(item["amount_subtotal"], currency),
        )
        for item in session["_items"]
    ]
    extras = (("Discount", -totals["amount_discount"]), ("Shipping", totals["amount_shipping"]))
    for name, amount in (*extras, ("Tax", totals["amount_tax"])):
        if amount:
            rows.append(pages.Row(name=name, amount=pages.money(amount, currency)))
    total = pages.money(session["amount_total"], currency)
    return [*rows, pages.Row(name="Total", amount=total, total=True)]


def _complete(session: Json, problem: str) -> web.Response:
    told = {
        "paid": "Paid. Thank you.",
        "no_payment_required": "Done: nothing was to be paid.",
        "unpaid": "The bank has been asked. The money is on its way, or is refused.",
    }
    path = f"/c/pay/{session['id']}/bank"
    waits = session["payment_status"] == "unpaid"
    return pages.page(
        "Complete",
        pages.alert(problem) if problem else "",
        pages.paragraph(told[session["payment_status"]]),
        pages.form(f"{path}/paid", pages.button("The bank pays", main=True)) if waits else "",
        pages.form(f"{path}/refused", pages.button("The bank refuses")) if waits else "",
        pages.link(success_url(session), "Back to the shop"),
    )


def _back(session: Json) -> list[str]:
    url = session["cancel_url"]
    return [pages.link(url.replace(_PLACEHOLDER, session["id"]), "Back")] if url else []
