"""The page as HTML, and nothing in it that was not made here."""

from typing import Final

from attrs import define, field

from tillway.core.errors import TillwayError
from tillway.core.money import Money
from tillway.core.quotes import Purpose
from tillway.entrypoints.http.render import status_of
from tillway.entrypoints.paywall.page.assets import Assets, source
from tillway.entrypoints.paywall.page.html import NOTHING, Html, fill, joined
from tillway.entrypoints.paywall.page.theme import Theme
from tillway.entrypoints.paywall.page.view import Price, View
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
_FEWEST_DECIMALS: Final = 2


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
            heading = "Your cart"
        parts = (
            _lines(view),
            _prices(view),
            _status(),
            _ways(view),
            _coupon(view),
            _no_script(view),
        )
        return self._written(_DUE, heading, _facts(view), joined(parts))

    def refusal(self, error: TillwayError) -> Reply:
        """Write the page of something that cannot be had."""
        body = fill('<p class="bad" role="alert">$text</p>', text=error.message)
        return self._written(status_of(error), "This cannot be bought", NOTHING, body)

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
    facts = {
        "resource": view.purchase.resource,
        "kind": "cart" if view.purchase.purpose is Purpose.CART else "regular",
        "coupon": view.purchase.coupon or "",
        "network": view.network or "",
        "sponsored": "yes" if view.sponsored else "",
        "quote": linked.sealed if linked else "",
        "expires": "" if view.expires_at is None else str(view.expires_at),
    }
    return joined(
        fill(' data-$name="$value"', name=name, value=value) for name, value in facts.items()
    )


def _lines(view: View) -> Html:
    items = [
        fill(
            "<li>$count × $what</li>",
            count=str(item.quantity),
            what=item.description or item.resource or item.price_id,
        )
        for item in view.lines
    ]
    return fill('<ul class="lines">$items</ul>', items=joined(items)) if items else NOTHING


def _prices(view: View) -> Html:
    if view.free:
        return Html('<dl class="prices"><div><dt>Price</dt><dd>Free</dd></div></dl>')
    rows = [("By card", view.card), ("By wallet", view.token)]
    written = [_row(name, price) for name, price in rows if price is not None]
    return fill('<dl class="prices">$rows</dl>', rows=joined(written))


def _row(name: str, price: Price) -> Html:
    before = (
        fill("<s>$amount</s>", amount=shown(price.before)) if price.before is not None else NOTHING
    )
    return fill(
        "<div><dt>$name</dt><dd>$before$amount</dd></div>",
        name=name,
        before=before,
        amount="on the next page" if price.amount is None else shown(price.amount),
    )


def shown(money: Money) -> str:
    """Write an amount for people: `0.05 USDC`, with at least two decimals."""
    whole, _, part = money.to_major().partition(".")
    part = part.rstrip("0").ljust(min(len(part), _FEWEST_DECIMALS), "0")
    amount = f"{whole}.{part}" if part else whole
    return f"{amount} {money.asset.code}"


def _ways(view: View) -> Html:
    if view.free:
        return Html('<section hidden><button type="button" id="free">Get it</button></section>')
    card = Html(
        "<section hidden><h2>Card</h2>"
        '<button type="button" id="card">Pay by card</button></section>'
    )
    once = Html('<p class="quiet">You buy it once: this is no subscription.</p>')
    by = (card if view.card else NOTHING, _wallets(view), _link(view))
    return joined((once if view.product.subscription else NOTHING, *by))


def _wallets(view: View) -> Html:
    if view.network is None:
        return NOTHING
    fee = "No network fee for you." if view.sponsored else "Your wallet pays the network fee."
    return fill(
        '<section hidden id="wallet"><h2>Solana wallet in this browser</h2>'
        '<ul class="wallets"></ul><p class="quiet" id="no-wallet">No wallet found in this '
        'browser.</p><p class="quiet">$fee</p></section>',
        fee=fee,
    )


def _link(view: View) -> Html:
    if view.linked is None:
        return NOTHING
    from tillway.entrypoints.paywall.page.qr import qr_code  # only with the chain's extra

    url = view.linked.link.url
    return fill(
        '<details id="link"><summary>Solana wallet on your phone</summary>'
        '<a class="button" href="$url">Open in a wallet</a>'
        '<div class="qr" role="img" aria-label="QR code of the payment link">$code</div>'
        '<p class="quiet">Your wallet pays the network fee. The price holds for a few minutes.</p>'
        "</details>",
        url=url,
        code=qr_code(url),
    )


def _coupon(view: View) -> Html:
    if view.purchase.purpose is not Purpose.PURCHASE:
        return NOTHING
    notice = fill('<p class="notice" role="alert">$text</p>', text=view.notice)
    return fill(
        '<section><form method="get"><label>Coupon<input name="couponCode" value="$coupon" '
        'maxlength="255" autocomplete="off" autocapitalize="characters"></label>'
        '<button class="second">Apply</button></form>$notice</section>',
        coupon=view.coupon,
        notice=notice if view.notice else NOTHING,
    )


def _status() -> Html:
    return Html('<p class="status" id="status" role="status"></p>')


def _no_script(view: View) -> Html:
    link = "You can pay by the link above." if view.linked else ""
    return fill(
        '<p class="quiet" id="plain">Cards, wallets in this browser and the status of a payment '
        "need scripts. $link</p>",
        link=link,
    )
