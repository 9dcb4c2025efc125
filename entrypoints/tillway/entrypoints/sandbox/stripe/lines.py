"""The lines of a session, and what they come to together."""

from collections.abc import Mapping, Sequence

from attrs import frozen

from tillway.entrypoints.sandbox.stripe.account import Account
from tillway.entrypoints.sandbox.stripe.errors import invalid
from tillway.entrypoints.sandbox.stripe.products import amount_of, given_price
from tillway.entrypoints.sandbox.stripe.totals import LEAST, Part, Sum, sums
from tillway.entrypoints.sandbox.stripe.wire import Json


@frozen(kw_only=True)
class Line:
    """So many of one price."""

    price: Json
    quantity: int
    taxes: tuple[Json, ...] = ()


def given_lines(account: Account, given: Sequence[Mapping[str, Json]]) -> list[Line]:
    """Read the lines that a session is made of."""
    lines = []
    for index, each in enumerate(given):
        param = f"line_items[{index}]"
        rates = [
            account.get("tax_rate", rate, f"{param}[tax_rates]", 400)
            for rate in each.get("tax_rates", [])
        ]
        price = given_price(account, each, param)
        lines.append(Line(price=price, quantity=each.get("quantity", 1), taxes=tuple(rates)))
    return lines


def currency_of(lines: Sequence[Line]) -> str:
    """Give the one currency of all lines."""
    found = {line.price["currency"] for line in lines}
    if len(found) > 1:
        raise invalid("All prices must use the same currency.", "line_items")
    return str(found.pop())


def parts(lines: Sequence[Line], *, free: bool = False) -> list[Part]:
    """Give what the lines come to, ``free``: nothing for now, as in a trial."""
    return [
        Part(
            amount=0 if free and line.price["recurring"] else amount_of(line.price, line.quantity),
            product=line.price["product"],
            taxes=line.taxes,
        )
        for line in lines
    ]


def fill(account: Account, session: Json, lines: Sequence[Line], shipping: int) -> None:
    """Write the lines and their totals into a session; Refused if it cannot be charged."""
    applied = session["_applied"]
    added = sums(parts(lines, free=session["_trial"] > 0), applied and applied["_coupon"])
    total = sum(each.total for each in added) + shipping
    _check(session["currency"], total)
    session["_items"] = [
        _item(account, line, each, applied) for line, each in zip(lines, added, strict=True)
    ]
    session["amount_subtotal"] = sum(each.subtotal for each in added)
    session["amount_total"] = total
    session["total_details"] = {
        "amount_discount": sum(each.discount for each in added),
        "amount_shipping": shipping,
        "amount_tax": sum(each.tax for each in added),
    }


def refill(account: Account, session: Json) -> None:
    """Add a session's own lines up again, after its discount has changed."""
    lines = [
        Line(
            price=item["price"],
            quantity=item["quantity"],
            taxes=tuple(tax["rate"] for tax in item["_taxes"]),
        )
        for item in session["_items"]
    ]
    fill(account, session, lines, session["total_details"]["amount_shipping"])
    account.shelves.changes += 1


def _check(currency: str, total: int) -> None:
    # Of a subscription nothing at all may be due, but no less than the least.
    least = LEAST.get(currency, 1)
    if 0 < total < least:
        message = f"The total amount due must add up to at least {least} {currency} (minor units)."
        raise invalid(message, "line_items", "amount_too_small")
    if total > 99_999_999:
        raise invalid("The total amount due is too large.", "line_items", "amount_too_large")


def _item(account: Account, line: Line, added: Sum, applied: Json | None) -> Json:
    name = account.get("product", line.price["product"])["name"]
    discounts = [{"amount": added.discount, "discount": applied}] if applied else []
    return account.part(
        "item",
        adjustable_quantity=None,
        amount_discount=added.discount,
        amount_subtotal=added.subtotal,
        amount_tax=added.tax,
        amount_total=added.total,
        currency=line.price["currency"],
        description=name,
        metadata={},
        price=line.price,
        quantity=line.quantity,
        _discounts=discounts,
        _taxes=[
            {
                "amount": tax.amount,
                "rate": tax.rate,
                "taxability_reason": "standard_rated",
                "taxable_amount": tax.taxable,
            }
            for tax in added.taxes
        ],
    )
