"""Products and coupons in files, YAML or JSON, in the shape of the settings.

A file holds what stands in the settings under `paywall.resources` or `coupons.coupons`: with
these keys around it, with the last of them, or by itself.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import orjson
import yaml
from attrs import evolve, frozen

from tillway.core.assets import AssetKind, Assets
from tillway.core.catalog import Coupon, Product, coupon_faults, product_faults
from tillway.core.money import Money
from tillway.entrypoints.definitions import coupons_of, products_from
from tillway.entrypoints.settings.document import read_document
from tillway.entrypoints.settings.environment import Environment, read_secret_file
from tillway.entrypoints.settings.faults import SettingsError
from tillway.entrypoints.settings.loading import read_file_text
from tillway.entrypoints.settings.nodes import Block, Node, within
from tillway.entrypoints.settings.reading import Reader, Spot
from tillway.plugins.setting import setting
from tillway.plugins.settings.coupons import CouponEntry
from tillway.plugins.settings.paywall import Resource

Form = Literal["yaml", "json"]

_PRODUCTS: Final = "paywall.resources"
_COUPONS: Final = "coupons.coupons"


@frozen(kw_only=True)
class _Resources:
    """A file of products."""

    resources: Mapping[str, Resource] = setting(factory=dict, env=None)


@frozen(kw_only=True)
class _Coupons:
    """A file of coupons."""

    coupons: Mapping[str, CouponEntry] = setting(factory=dict, env=None)


def read_products(path: Path, assets: Assets, token: str) -> Sequence[Product]:
    """Read products, whose tokens are ``token`` unless they say another.

    SettingsError names all that is wrong with all of them.
    """
    reader, table = _read(path, _PRODUCTS, _Resources)
    resources = [_in_token(each, token) for each in table.values()]
    _refuse_twins(reader, "resources", [each.resource_id for each in resources])
    for each in resources:
        _refuse_unknown_token(reader, each, assets)
    _refuse_all(reader)
    products = products_from(resources, assets)
    for product in products:
        for fault in product_faults(product):
            reader.refuse(f"resources.{product.id}.{fault.field}", fault.message)
    _refuse_all(reader)
    return products


def read_coupons(path: Path) -> Sequence[Coupon]:
    """Read coupons; SettingsError names all that is wrong with all of them."""
    reader, table = _read(path, _COUPONS, _Coupons)
    _refuse_twins(reader, "coupons", [each.code for each in table.values()])
    _refuse_all(reader)
    coupons = coupons_of(table.values())
    for coupon in coupons:
        for fault in coupon_faults(coupon):
            reader.refuse(f"coupons.{coupon.code}.{fault.field}", fault.message)
    _refuse_all(reader)
    return coupons


def write_products(products: Sequence[Product], form: Form) -> str:
    """Write products so that `read_products` reads them back."""
    resources = {product.id: _resource(product) for product in products}
    return _written({"paywall": {"resources": resources}}, form)


def write_coupons(coupons: Sequence[Coupon], form: Form) -> str:
    """Write coupons so that `read_coupons` reads them back."""
    entries = {coupon.code: _entry(coupon) for coupon in coupons}
    return _written({"coupons": {"coupons": entries}}, form)


# Reading


def _read(path: Path, place: str, kind: type) -> tuple[Reader, Mapping[str, Any]]:
    root, faults = read_document(read_file_text(path))
    reader = Reader(environment=Environment(variables={}, read_file=read_secret_file))
    reader.faults += faults
    name = place.rpartition(".")[2]
    table = Block(entries={name: _table(root, place)}, line=1)
    made = reader.block(kind, Spot(key="", node=table))
    return reader, {} if made is None else getattr(made, name)


def _table(root: Block | None, place: str) -> Node:
    """Find the table in a file, with the settings' keys around it or without."""
    name = place.rpartition(".")[2]
    if root is None:
        return Block(entries={}, line=1)
    return within(root, place) or within(root, name) or root


def _in_token(resource: Resource, token: str) -> Resource:
    return resource if resource.crypto_token else evolve(resource, crypto_token=token)


def _refuse_unknown_token(reader: Reader, resource: Resource, assets: Assets) -> None:
    tokens = {asset.code for asset in assets if asset.kind is AssetKind.SPL}
    if resource.crypto_atomic_amount and resource.crypto_token not in tokens:
        key = f"resources.{resource.resource_id}.crypto_token"
        reader.refuse(key, "must be the symbol of a known token")


def _refuse_twins(reader: Reader, table: str, names: Sequence[str]) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            reader.refuse(f"{table}.{name}", f"is there {count} times")


def _refuse_all(reader: Reader) -> None:
    if reader.faults:
        raise SettingsError(reader.faults)


# Writing


def _written(document: Mapping[str, object], form: Form) -> str:
    if form == "json":
        return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + "\n"
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


def _resource(product: Product) -> Mapping[str, object]:
    return _said(
        description=product.description,
        stripe_price_id=product.stripe_price_id,
        **_price("fiat", "cents", product.fiat_price),
        **_price("crypto", "atomic", product.crypto_price),
        crypto_account=product.crypto_account,
        memo_template=product.memo_template,
        metadata=dict(product.metadata),
        subscription=_plan(product),
    )


def _price(kind: str, unit: str, price: Money | None) -> Mapping[str, object]:
    if price is None:
        return {}
    if unit == "cents":
        return {f"{kind}_amount_cents": price.minor, f"{kind}_currency": price.asset.code.lower()}
    return {f"{kind}_atomic_amount": price.minor, f"{kind}_token": price.asset.code}


def _plan(product: Product) -> Mapping[str, object] | None:
    terms = product.subscription
    if terms is None:
        return None
    return _said(
        billing_period=terms.billing_period.value,
        billing_interval=terms.billing_interval,
        trial_days=terms.trial_days,
        stripe_price_id=terms.stripe_price_id,
        allow_x402=terms.allow_x402,
        grace_period_hours=terms.grace_period_hours,
    )


def _entry(coupon: Coupon) -> Mapping[str, object]:
    return {
        "code": coupon.code,
        "discount_type": coupon.discount_type.value,
        "discount_value": f"{coupon.discount_value}",
        "scope": coupon.scope.value,
        "active": coupon.active,
        **_said(
            currency=coupon.currency,
            product_ids=list(coupon.product_ids),
            payment_method=coupon.payment_method,
            auto_apply=coupon.auto_apply,
            applies_at=None if coupon.applies_at is None else coupon.applies_at.value,
            starts_at=coupon.starts_at and coupon.starts_at.isoformat(),
            expires_at=coupon.expires_at and coupon.expires_at.isoformat(),
            metadata=dict(coupon.metadata),
        ),
        **({} if coupon.usage_limit is None else {"usage_limit": coupon.usage_limit}),
    }


def _said(**values: object) -> dict[str, object]:
    """Leave out what says nothing."""
    return {name: value for name, value in values.items() if value}
