"""The page as HTML, and nothing in it that was not made here."""

from collections.abc import Mapping, Sequence
from typing import Final

from attrs import define, field

from tillway.core.carts import CartItem
from tillway.core.errors import Code, TillwayError
from tillway.core.intervals import interval_of
from tillway.core.payments import Purchase
from tillway.core.quotes import Purpose
from tillway.entrypoints.http.render import status_of
from tillway.entrypoints.paywall.page.assets import Assets, source
from tillway.entrypoints.paywall.page.html import NOTHING, Html, fill, joined
from tillway.entrypoints.paywall.page.parts import (
    coupon,
    lines,
    no_script,
    prices,
    status,
    ways,
)
from tillway.entrypoints.paywall.page.theme import Theme
from tillway.entrypoints.paywall.page.view import View
from tillway.entrypoints.paywall.replies import Reply

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Nothing from elsewhere, nothing inline; wallets bring their icons as data."""

HEADERS: Final = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
}
_DUE: Final = 402
_CART: Final = "Your cart"


@define(kw_only=True)
class Pages:
    """Writes pages. Their addresses are relative: a proxy may have put them anywhere."""

    theme: Theme
    assets: Assets
    _template: str = field(init=False, factory=lambda: source("page.html"))

    def page(self, view: View) -> Reply:
        """Write the page of a purchase."""
        heading = view.product.description or view.purchase.resource
        if view.purchase.purpose is Purpose.CART:
            heading = _CART
        parts = (
            lines(view.lines),
            prices(view),
            status(),
            ways(view),
            coupon(view),
            no_script(view),
        )
        return self._written(_DUE, heading, _facts(view), joined(parts))

    def refusal(
        self, error: TillwayError, purchase: Purchase, items: Sequence[CartItem] = ()
    ) -> Reply:
        """Write the page of something that cannot be had; ``items`` are a cart's.

        Whoever has just paid for it comes back here too, and is told so by the script.
        """
        paid = error.code is Code.CART_ALREADY_PAID
        heading = _CART if paid else "This cannot be bought"
        refused = fill('<p class="bad" role="alert">$text</p>', text=error.message)
        body = joined((lines(items), status(), refused))
        return self._written(status_of(error), heading, _attributes(_subject(purchase)), body)

    def _written(self, status: int, heading: str, facts: Html, body: Html) -> Reply:
        seller = self.theme.title
        page = fill(
            self._template,
            title=f"{heading} - {seller}" if seller else heading,
            style=f"./page/{self.assets.style.name}",
            script=f"./page/{self.assets.script.name}",
            header=_header(self.theme),
            facts=facts,
            heading=heading,
            body=body,
        )
        return Reply(status=status, headers=HEADERS, body=page.encode("utf-8", "replace"))


def _header(theme: Theme) -> Html:
    if not theme.title and not theme.logo:
        return NOTHING
    logo = fill('<img src="$logo" alt="">', logo=theme.logo) if theme.logo else NOTHING
    return fill('<header>$logo<p class="seller">$title</p></header>', logo=logo, title=theme.title)


def _facts(view: View) -> Html:
    """Write what the script needs, as attributes."""
    linked = view.linked
    return _attributes(
        {
            **_subject(view.purchase),
            **_plan(view),
            "origin": view.origin,
            "coupon": view.purchase.coupon or "",
            "promotion": view.promotion,
            "network": view.network or "",
            "sponsored": "yes" if view.sponsored else "",
            "periods": "yes" if view.periods else "",
            "quote": linked.sealed if linked else "",
            "expires": "" if view.expires_at is None else str(view.expires_at),
        }
    )


def _subject(purchase: Purchase) -> Mapping[str, str]:
    is_cart = purchase.purpose is Purpose.CART
    return {"resource": purchase.resource, "kind": "cart" if is_cart else "regular"}


def _plan(view: View) -> Mapping[str, str]:
    """Name the period of a plan as the API wants it."""
    if view.card.plan is None:
        return {}
    terms = view.card.plan.terms
    interval = interval_of(terms.billing_period, terms.billing_interval)
    return {"interval": interval.name, "days": str(interval.days or "")}


def _attributes(facts: Mapping[str, str]) -> Html:
    return joined(
        fill(' data-$name="$value"', name=name, value=value) for name, value in facts.items()
    )
