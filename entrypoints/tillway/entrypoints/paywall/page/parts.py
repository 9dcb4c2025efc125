"""The parts of the page: what is bought, what it costs, and every way to pay."""

from collections.abc import Sequence
from typing import Final

from tillway.core.carts import CartItem
from tillway.core.catalog import SubscriptionTerms
from tillway.core.money import Money
from tillway.core.quotes import Purpose
from tillway.core.services.subscriptions.cards import Offered
from tillway.entrypoints.paywall.page.cards import Price
from tillway.entrypoints.paywall.page.html import NOTHING, Html, fill, joined
from tillway.entrypoints.paywall.page.view import View

_FEWEST_DECIMALS: Final = 2
_NEXT_PAGE: Final = "on the next page"


def lines(items: Sequence[CartItem]) -> Html:
    """Write what is in a cart."""
    written = [
        fill(
            "<li>$count × $what</li>",
            count=str(item.quantity),
            what=item.description or item.resource or item.price_id,
        )
        for item in items
    ]
    return fill('<ul class="lines">$items</ul>', items=joined(written)) if written else NOTHING


def prices(view: View) -> Html:
    """Write what it costs by each way, and what came off a cart before."""
    if view.free:
        return Html('<dl class="prices"><div><dt>Price</dt><dd>Free</dd></div></dl>')
    once = [("By card", view.card.price), ("By wallet", view.token)]
    written = [_row(name, price) for name, price in once if price is not None]
    plan = NOTHING if view.card.plan is None else _plan_row(view.card.plan)
    off = _said("Coupons", ", ".join(view.taken)) if view.taken else NOTHING
    return fill('<dl class="prices">$rows</dl>', rows=joined((plan, *written, off)))


def _row(name: str, price: Price) -> Html:
    before = (
        fill("<s>$amount</s>", amount=shown(price.before)) if price.before is not None else NOTHING
    )
    return fill(
        "<div><dt>$name</dt><dd>$before$amount</dd></div>",
        name=name,
        before=before,
        amount=_NEXT_PAGE if price.amount is None else shown(price.amount),
    )


def _said(name: str, text: str) -> Html:
    return fill("<div><dt>$name</dt><dd>$text</dd></div>", name=name, text=text)


def _plan_row(plan: Offered) -> Html:
    if plan.price is None or plan.first is None:
        return _said("Subscription by card", _NEXT_PAGE)
    due = f"{shown(plan.price)} {every(plan.terms)}"
    if plan.first != plan.price:
        due = f"{shown(plan.first)} at first, then {due}"
    return _said("Subscription by card", due)


def every(terms: SubscriptionTerms) -> str:
    """Say how often something is paid: `a month`, `every 3 months`."""
    count, period = terms.billing_interval, terms.billing_period.value
    return f"a {period}" if count == 1 else f"every {count} {period}s"


def shown(money: Money) -> str:
    """Write an amount for people: `0.05 USDC`, with at least two decimals."""
    whole, _, part = money.to_major().partition(".")
    part = part.rstrip("0").ljust(min(len(part), _FEWEST_DECIMALS), "0")
    amount = f"{whole}.{part}" if part else whole
    return f"{amount} {money.asset.code}"


def ways(view: View) -> Html:
    """Write the ways to pay; scripts unhide those that need them."""
    if view.free:
        return Html('<section hidden><button type="button" id="free">Get it</button></section>')
    return joined((_card(view), _by_token(view), _wallets(view), _link(view)))


def _card(view: View) -> Html:
    card = view.card
    if card.refusal:
        return fill('<section><h2>Card</h2><p class="quiet">$text</p></section>', text=card.refusal)
    if not card.is_open:
        return NOTHING
    label = "Pay by card" if card.plan is None else "Subscribe by card"
    return fill(
        '<section hidden><h2>Card</h2><button type="button" id="card">$label</button>'
        "$terms</section>",
        label=label,
        terms=NOTHING if card.plan is None else _terms(card.plan),
    )


def _terms(plan: Offered) -> Html:
    days = plan.terms.trial_days
    free = f"The first {days} days are free, once a customer. " if days else ""
    text = f"{free}Paid {every(plan.terms)} until you cancel."
    return fill('<p class="quiet">$text</p>', text=text)


def _by_token(view: View) -> Html:
    """Say what a wallet pays for, where that is not plain."""
    terms = view.product.subscription
    if terms is None or view.token is None:
        return NOTHING
    count, period = terms.billing_interval, terms.billing_period.value
    length = f"one {period}" if count == 1 else f"{count} {period}s"
    text = (
        f"A wallet pays for {length}. Nothing is paid by itself after that."
        if view.periods
        else "With a wallet you buy it once: this is no subscription."
    )
    return fill('<p class="quiet way">$text</p>', text=text)


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


def coupon(view: View) -> Html:
    """Write the field for a coupon; a cart has had its own."""
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


def status() -> Html:
    """Write the place where it is said how a payment stands."""
    return Html('<p class="status" id="status" role="status"></p>')


def no_script(view: View) -> Html:
    """Say what scripts are needed for, to whoever has none."""
    link = "You can pay by the link above." if view.linked else ""
    return fill(
        '<p class="quiet" id="plain">Cards, wallets in this browser and the status of a payment '
        "need scripts. $link</p>",
        link=link,
    )
