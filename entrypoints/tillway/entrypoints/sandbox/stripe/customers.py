"""Customers."""

from typing import Final

from tillway.entrypoints.sandbox.stripe.account import Account
from tillway.entrypoints.sandbox.stripe.calls import Call, Route, filters, listing, merged
from tillway.entrypoints.sandbox.stripe.read import Reader, each, either, fields, metadata, text
from tillway.entrypoints.sandbox.stripe.wire import Json

ADDRESS: Final = ("city", "country", "line1", "line2", "postal_code", "state")
_ADDRESS: Final = fields(**{name: text(unset=True) for name in ADDRESS})


def _address(raw: Json, path: str) -> Json:
    return {**dict.fromkeys(ADDRESS), **_ADDRESS(raw, path)}


_FIELDS: Final[dict[str, Reader]] = {
    "email": text(512, unset=True),
    "name": text(256, unset=True),
    "phone": text(20, unset=True),
    "description": text(unset=True),
    "metadata": metadata,
    "address": either("", _address),
    "shipping": either(
        "", fields("address", "name", address=_address, name=text(), phone=text(unset=True))
    ),
    "preferred_locales": each(text(20), 10),
    "invoice_settings": fields(default_payment_method=text(200)),
}


def customer(account: Account, **given: Json) -> Json:
    """Make a customer and tell."""
    made = account.make(
        "customer",
        **{
            "address": None,
            "balance": 0,
            "currency": None,
            "default_source": None,
            "delinquent": False,
            "description": None,
            "discount": None,
            "email": None,
            "invoice_prefix": account.shelves.token(8).upper(),
            "invoice_settings": {
                "custom_fields": None,
                "default_payment_method": None,
                "footer": None,
                "rendering_options": None,
            },
            "metadata": {},
            "name": None,
            "next_invoice_sequence": 1,
            "phone": None,
            "preferred_locales": [],
            "shipping": None,
            "tax_exempt": "none",
            "test_clock": None,
            **given,
        },
    )
    account.tell("customer.created", made)
    return made


def _create(account: Account, call: Call) -> Json:
    given = call.read(**_FIELDS)
    settings = given.pop("invoice_settings", {})
    made = customer(account, **given)
    made["invoice_settings"].update(settings)
    return made


def _update(account: Account, call: Call) -> Json:
    found = account.get("customer", call.id)
    given = call.read(**_FIELDS)
    settings = {**found["invoice_settings"], **given.pop("invoice_settings", {})}
    kept = merged(found["metadata"], given.pop("metadata", None))
    account.change("customer.updated", found, metadata=kept, invoice_settings=settings, **given)
    return found


def _delete(account: Account, call: Call) -> Json:
    found = account.get("customer", call.id)
    account.shelves.drop("customer", call.id)
    account.tell("customer.deleted", found)
    return {"id": call.id, "object": "customer", "deleted": True}


def _list(account: Account, call: Call) -> Json:
    asked = filters(call, email=text(512))
    wanted = {"email": asked["email"]} if "email" in asked else {}
    return listing(call, account.shelves.of("customer", **wanted), asked)


ROUTES: Final = (
    Route("POST", "/v1/customers", _create),
    Route("GET", "/v1/customers", _list),
    Route("GET", "/v1/customers/{id}", lambda account, call: account.get("customer", call.id)),
    Route("POST", "/v1/customers/{id}", _update),
    Route("DELETE", "/v1/customers/{id}", _delete),
)
