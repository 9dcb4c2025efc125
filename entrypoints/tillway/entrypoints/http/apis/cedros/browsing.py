"""The routes of a shop front: what is sold, how it can be paid, what was bought."""

from collections.abc import Mapping, Sequence

from tillway.core.errors import Code
from tillway.core.services.gateway import Services
from tillway.entrypoints.http.apis.cedros import anchor_bodies, purchase_bodies, shop_bodies
from tillway.entrypoints.http.apis.cedros.anchors import Anchors
from tillway.entrypoints.http.apis.cedros.listing import LONGEST_IDS, SORTS
from tillway.entrypoints.http.apis.cedros.prices import EveryPrice
from tillway.entrypoints.http.apis.cedros.products import Products
from tillway.entrypoints.http.apis.cedros.purchases import MOST, PurchaseList
from tillway.entrypoints.http.apis.cedros.refusals import PRICING
from tillway.entrypoints.http.apis.cedros.storefront import Facts, Storefront
from tillway.entrypoints.http.query import FLAGS, PLAIN
from tillway.entrypoints.http.signed import parameters
from tillway.plugins.api import Answer, Pace, Parameter, Route

_TEXT = {"maxLength": 255}
_IDS = {"maxLength": LONGEST_IDS, "pattern": f"^{PLAIN.pattern}$"}
_FLAG = {"enum": list(FLAGS)}
_MONEY = {"pattern": "^([0-9]{1,12}([.][0-9]{1,6})?)?$"}
_NUMBER = {"pattern": "^[0-9]{0,4}$"}


def routes(services: Services, prefix: str, facts: Facts) -> Sequence[Route]:
    """Give them."""
    return [
        _quote(services, prefix),
        *_products(services),
        *_pages(services, facts),
        *_anchors(services),
        _purchases(services),
    ]


def _query(name: str, description: str, schema: Mapping[str, object] | None = None) -> Parameter:
    return Parameter(name=name, where="query", description=description, schema=schema or _TEXT)


def _quote(services: Services, prefix: str) -> Route:
    return Route(
        method="GET",
        path="/paywall/v1/quote",
        handler=EveryPrice(services, prefix).handle,
        name="quote_all",
        summary="Quote a resource by every way to pay",
        parameters=(
            Parameter(
                name="resource",
                where="query",
                required=True,
                description="What is to be priced.",
                schema={"maxLength": 255},
            ),
            _query("couponCode", "A coupon that a buyer typed."),
        ),
        answers=(Answer(status=200, description="Each way to pay.", body=shop_bodies.EveryQuote),),
        refusals=(Code.MISSING_FIELD, Code.INVALID_FIELD, Code.INVALID_AMOUNT, *PRICING),
    )


def _products(services: Services) -> Sequence[Route]:
    products = Products(services)
    return [
        Route(
            method="GET",
            path="/paywall/v1/products",
            handler=products.listed,
            name="list_products",
            summary="The price list, or a part of it",
            parameters=(
                _query("limit", "Products on a page; without it, all.", _NUMBER),
                _query("offset", "Products before the page.", _NUMBER),
                _query("search", "Text in the id, title, description or tags."),
                _query("category", "A category's id."),
                _query(
                    "sort",
                    "The order; without it, by id.",
                    {"maxLength": 32, "examples": list(SORTS)},
                ),
                _query("in_stock", "Only what is not said to be sold out.", _FLAG),
                _query("min_price", "The least price, in major units, after coupons.", _MONEY),
                _query("max_price", "The greatest price.", _MONEY),
                _query("tags", "Tags with commas between: one of them is enough."),
                _query("ids", "Ids or slugs with commas between.", _IDS),
            ),
            answers=(
                Answer(status=200, description="Products and coupons.", body=shop_bodies.PriceList),
            ),
            refusals=(Code.INVALID_FIELD,),
        ),
        _product("/paywall/v1/products/by-slug/{slug}", "slug", products),
        _product("/paywall/v1/products/{id}", "id", products),
    ]


def _product(path: str, by: str, products: Products) -> Route:
    slug = by == "slug"
    return Route(
        method="GET",
        path=path,
        handler=products.by_slug if slug else products.by_id,
        name="product_by_slug" if slug else "product",
        summary="A product by its slug, or its id where it has none" if slug else "A product",
        parameters=(
            Parameter(name=by, where="path", required=True, description=f"The product's {by}."),
        ),
        answers=(Answer(status=200, description="The product.", body=shop_bodies.ListedProduct),),
        refusals=(Code.RESOURCE_NOT_FOUND,),
    )


def _pages(services: Services, facts: Facts) -> Sequence[Route]:
    pages = Storefront(services, facts)
    return [
        Route(
            method="GET",
            path="/paywall/v1/storefront",
            handler=pages.storefront,
            name="storefront",
            summary="How the shop is to look, and can be paid",
            answers=(Answer(status=200, description="All of it.", body=shop_bodies.Storefront),),
            pace=Pace.LIGHT,
        ),
        Route(
            method="GET",
            path="/paywall/v1/shop",
            handler=pages.shop,
            name="shop",
            summary="Keys, addresses and modes for pages",
            answers=(Answer(status=200, description="All of it.", body=shop_bodies.ShopFacts),),
            pace=Pace.LIGHT,
        ),
    ]


def _anchors(services: Services) -> Sequence[Route]:
    anchors = Anchors(services)
    return [
        Route(
            method="POST",
            path="/paywall/v1/derive-token-account",
            handler=anchors.account,
            name="derive_token_account",
            summary="Where a wallet keeps a token",
            body=anchor_bodies.AccountRequest,
            answers=(
                Answer(status=200, description="The account.", body=anchor_bodies.AccountAnswer),
            ),
            refusals=(Code.INVALID_WALLET, Code.INVALID_TOKEN_MINT, Code.ROUTE_NOT_FOUND),
            pace=Pace.LIGHT,
        ),
        Route(
            method="GET",
            path="/paywall/v1/blockhash",
            handler=anchors.blockhash,
            name="blockhash",
            summary="A recent blockhash",
            answers=(Answer(status=200, description="It.", body=anchor_bodies.RecentBlockhash),),
            refusals=(Code.ROUTE_NOT_FOUND, Code.RPC_ERROR, Code.NETWORK_ERROR),
            pace=Pace.LIGHT,
        ),
    ]


def _purchases(services: Services) -> Route:
    return Route(
        method="GET",
        path="/paywall/v1/purchases",
        handler=PurchaseList(services).handle,
        name="list_purchases",
        summary="What whoever asks has bought",
        parameters=(
            _query("limit", f"Purchases on a page: 50, at most {MOST}.", _NUMBER),
            _query("offset", "Purchases before the page.", _NUMBER),
            _query("wallet", "Whose; for the operator only."),
            *parameters(
                "The wallet that paid.",
                "`list-purchases:<nonce>`, with a nonce for `list-purchases`.",
            ),
        ),
        answers=(Answer(status=200, description="Purchases.", body=purchase_bodies.PurchaseRows),),
        refusals=(Code.INVALID_FIELD, Code.UNAUTHORIZED),
    )
