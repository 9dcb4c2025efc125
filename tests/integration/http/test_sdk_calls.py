"""The public React SDK's calls, sent as it sends them: each answer has what it reads."""

import base64
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

import orjson
import pytest
import pytest_asyncio
from attrs import evolve

from support.chain import Wallet
from support.members import PLANS
from support.sdk import IDEMPOTENT, Call, State, Teller, requirement_of
from support.whole_shop import CARD_HOST, WholeShop, open_whole_shop

pytestmark = pytest.mark.asyncio(loop_scope="module")

P: Final = "/paywall/v1"
KEY: Final = "an operator's key of some length"
PAGES: Final = {"successUrl": f"{CARD_HOST}/thanks", "cancelUrl": f"{CARD_HOST}/cart"}
ADDRESS: Final = {"line1": "1 Main Street", "city": "Springfield", "country": "US"}

HALF: Final = {
    "code": "HALF",
    "discount_type": "percentage",
    "discount_value": 50,
    "scope": "all",
    "active": True,
}
RESOURCES: Final[dict[str, Any]] = {
    "article": {
        "description": "Text",
        "crypto_atomic_amount": 50_000,
        "crypto_token": "USDC",
        "fiat_amount_cents": 125,
        "metadata": {
            "title": "An article",
            "slug": "an-article",
            "images": "https://cdn.example/1.png",
            "tags": "reading",
            "category_ids": "texts",
            "inventory_status": "in_stock",
            "inventory_quantity": "9",
            "shipping_profile": "digital",
            "compare_at_amount_cents": "200",
            "shippingCountries": "US,CA",
        },
    },
    "book": {"crypto_atomic_amount": 70_000, "crypto_token": "USDC", "fiat_amount_cents": 700},
    **PLANS,
}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def whole() -> AsyncIterator[WholeShop]:
    async with open_whole_shop(
        paywall={"resources": RESOURCES, "product_source": "yaml"},
        coupons={"coupons": {"HALF": HALF}},
        subscriptions={"enabled": True},
        server={"admin_api_key": KEY},
    ) as made:
        yield made


@pytest.fixture
def teller(whole: WholeShop) -> Teller:
    """Give who tells stories, knowing nothing yet."""
    return Teller(whole.shop)


class TestX402:
    async def test_one_thing(self, whole: WholeShop, teller: Teller) -> None:
        """Discovery, quote and verify; the settlement is read from the header."""
        buyer = whole.shop.buyer()
        await teller.tell([HEALTH, quote("article")])
        answer = await teller.send(verify(whole, buyer, teller.state["quote"], "article"))
        read_settlement(answer.status, answer.headers, answer.body)

    async def test_a_cart(self, whole: WholeShop, teller: Teller) -> None:
        """Its bare id is what is paid for."""
        buyer = whole.shop.buyer()
        await teller.tell([CART_QUOTE])
        requirement, cart = teller.state["quote"], teller.state["cart"]
        answer = await teller.send(verify(whole, buyer, requirement, cart, kind="cart"))
        read_settlement(answer.status, answer.headers, answer.body)

    async def test_without_a_fee(self, whole: WholeShop, teller: Teller) -> None:
        """The gateway builds the transaction, and takes it without a signature's name."""
        buyer = whole.shop.buyer()
        await teller.tell([quote("book")])
        teller.state["wallet"] = str(buyer.address)
        await teller.tell([GASLESS])
        answer = await teller.send(verify_gasless(buyer, teller.state))
        read_settlement(answer.status, answer.headers, answer.body)


class TestStripe:
    async def test_sessions(self, whole: WholeShop, teller: Teller) -> None:
        """For one thing and for a cart, with everything that a checkout form knows."""
        await teller.tell([SESSION, CART_CHECKOUT])
        await whole.pay(teller.state["session"])
        assert (await whole.paid(teller.state["session"])).purchase.resource == "article"


class TestSubscriptions:
    async def test_by_token(self, whole: WholeShop, teller: Teller) -> None:
        """Quoted, paid, activated, seen, changed and ended."""
        buyer = whole.shop.buyer(usdc=100_000_000)
        teller.state["wallet"] = str(buyer.address)
        await teller.tell([SUBSCRIPTION_QUOTE])
        paid = await teller.send(verify(whole, buyer, teller.state["quote"], "gold"))
        teller.state["signature"] = paid.body["signature"]
        await teller.tell([ACTIVATE, STATUS, DETAILS])
        await teller.tell([PREVIEW, CANCEL_LATER])

    async def test_by_card(self, whole: WholeShop, teller: Teller) -> None:
        """A session, and the provider's own page for who has paid it."""
        await teller.tell([SUBSCRIPTION_SESSION])
        whole.stripe.switches.pay(teller.state["session"])
        await whole.stripe.delivered()
        session = whole.stripe.account.shelves.get("checkout.session", teller.state["session"])
        assert session is not None
        teller.state["customer"] = session["customer"]
        await teller.tell([CARD_DETAILS, CHANGE, PORTAL])

    async def test_older_clients_name_them_by_whose_they_are(
        self, whole: WholeShop, teller: Teller
    ) -> None:
        """By resource and user, in words of their own."""
        await teller.tell([evolve(SUBSCRIPTION_SESSION, headers=None)])
        await whole.pay(teller.state["session"])
        session = whole.stripe.account.shelves.get("checkout.session", teller.state["session"])
        assert session is not None
        teller.state["customer"] = session["customer"]
        await teller.tell(OLDER)

    async def test_a_coupon_has_two_names(self, teller: Teller) -> None:
        """And both are read."""
        for name in ("coupon", "couponCode"):
            body = {"items": [{"resource": "article", "quantity": 1}], name: "HALF"}
            await teller.tell([evolve(CART_QUOTE, body=body, headers=None, reads=["totalAmount"])])
            answer = await teller.send(evolve(CART_QUOTE, body=body, headers=None))
            assert answer.body["totalAmount"] == 0.03

    @pytest.mark.parametrize("call", ["details", "cancel", "change", "portal"])
    async def test_without_a_proof_nothing_is_told_or_changed(
        self, whole: WholeShop, teller: Teller, call: str
    ) -> None:
        """The SDK sends none by itself: it gets a code that says so."""
        buyer = whole.shop.buyer(usdc=100_000_000)
        teller.state["wallet"] = str(buyer.address)
        await teller.tell([SUBSCRIPTION_QUOTE])
        await teller.send(verify(whole, buyer, teller.state["quote"], "gold"))
        await teller.tell([DETAILS])
        teller.state["customer"] = "cus_somebody"
        bare = {"details": DETAILS, "cancel": CANCEL_LATER, "change": CHANGE, "portal": PORTAL}
        answer = await teller.send(evolve(bare[call], headers=None))
        assert (answer.status, answer.code) in {(401, "unauthorized"), (200, None)}, answer.body
        assert answer.status == 401 or call == "details"


class TestStorefront:
    async def test_the_adapter(self, teller: Teller) -> None:
        """Pages, filters, lookups, categories and the shop's looks."""
        await teller.tell(ADAPTER)

    async def test_the_price_component_reads_the_older_names(self, teller: Teller) -> None:
        """In the same rows."""
        await teller.tell([PRICES])


class TestAbsent:
    @pytest.mark.parametrize("call", ["credits", "chat", "gift", "asset", "compliance", "related"])
    async def test_what_is_not_here_yet_is_404_with_a_code(self, teller: Teller, call: str) -> None:
        """So that the SDK shows an error, and never a success that means nothing."""
        for absent in ABSENT[call]:
            answer = await teller.send(absent)
            assert (answer.status, answer.code) == (404, "route_not_found"), absent.name


HEALTH = Call(name="discovery", method="GET", path="/cedros-health")


def quote(resource: str) -> Call:
    """Ask what a thing costs, with a coupon that is null."""
    return Call(
        name="quote",
        method="POST",
        path=f"{P}/quote",
        body={"resource": resource, "couponCode": None},
        statuses=frozenset({402}),
        reads=requirement_of("accepts.0"),
        keep={"quote": "crypto|accepts.0"},
    )


def verify(
    whole: WholeShop,
    buyer: Wallet,
    requirement: Mapping[str, Any],
    resource: str,
    kind: str = "regular",
) -> Call:
    """Pay a requirement."""
    shop, extra = whole.shop, requirement["extra"]
    offer = {"amount": requirement["maxAmountRequired"], "extra": extra}
    payload = {
        "signature": "",
        "transaction": base64.b64encode(shop.sign(buyer, offer)).decode(),
        "payer": str(buyer.address),
        "memo": extra["memo"],
        "recipientTokenAccount": extra["recipientTokenAccount"],
        "resource": resource,
        "resourceType": kind,
        "feePayer": extra["feePayer"],
        "metadata": {"order": "17"},
    }
    return Call(name="verify", method="POST", path=f"{P}/verify", headers=paid(payload))


def verify_gasless(buyer: Wallet, state: State) -> Call:
    """Sign what the gateway has built, and pay with it."""
    payload = {
        "signature": "",
        "transaction": countersigned(buyer, state["transaction"]),
        "feePayer": state["fee_payer"],
        "resource": "book",
        "resourceType": "regular",
        "metadata": {},
    }
    return Call(name="verify gasless", method="POST", path=f"{P}/verify", headers=paid(payload))


def paid(payload: Mapping[str, Any]) -> dict[str, str]:
    """Write the header."""
    header = {
        "x402Version": 0,
        "scheme": "solana-spl-transfer",
        "network": "devnet",
        "payload": payload,
    }
    return {"X-PAYMENT": base64.b64encode(orjson.dumps(header)).decode(), **IDEMPOTENT}


def countersigned(buyer: Wallet, transaction: str) -> str:
    """Put the buyer's signature in its place."""
    from solders.transaction import Transaction

    built = Transaction.from_bytes(base64.b64decode(transaction))
    built.partial_sign([buyer.keypair], built.message.recent_blockhash)
    return base64.b64encode(bytes(built)).decode()


def read_settlement(status: int, headers: Mapping[str, str], body: Any) -> None:
    """Read what the SDK reads of a payment."""
    assert status == 200, body
    settlement = orjson.loads(base64.b64decode(headers["X-PAYMENT-RESPONSE"]))
    assert settlement["success"] is True
    assert settlement["error"] is None
    assert settlement["txHash"] == body["signature"]
    assert settlement["networkId"]


CART_QUOTE = Call(
    name="cart quote",
    method="POST",
    path=f"{P}/cart/quote",
    body={
        "items": [
            {"resource": "article", "quantity": 2, "metadata": {"colour": "blue"}},
            {"resource": "book", "quantity": 1, "variantId": None},
        ],
        "metadata": {"order": "17"},
        "coupon": None,
        "couponCode": None,
    },
    headers=IDEMPOTENT,
    statuses=frozenset({200, 402}),
    reads=["cartId", *requirement_of("quote"), "items.1", "totalAmount", "expiresAt", "metadata"],
    keep={"cart": "cartId", "quote": "quote"},
)

GASLESS = Call(
    name="gasless transaction",
    method="POST",
    path=f"{P}/gasless-transaction",
    body=lambda state: {
        "resourceId": "book",
        "userWallet": state["wallet"],
        "feePayer": state["quote"]["extra"]["feePayer"],
        "couponCode": None,
    },
    reads=["transaction", "blockhash"],
    keep={"transaction": "transaction", "fee_payer": "feePayer"},
)

SESSION = Call(
    name="stripe session",
    method="POST",
    path=f"{P}/stripe-session",
    body={
        "resource": "article",
        "customerEmail": "buyer@example.com",
        "metadata": {"order": "17"},
        **PAGES,
        "couponCode": None,
    },
    headers=IDEMPOTENT,
    reads=["sessionId", "url"],
    keep={"session": "sessionId"},
)

CART_CHECKOUT = Call(
    name="cart checkout",
    method="POST",
    path=f"{P}/cart/checkout",
    body={
        "items": [
            {"resource": "article", "quantity": 1, "description": "Text", "metadata": {"a": "b"}},
            {"resource": "book", "quantity": 2, "variantId": None, "priceId": None},
        ],
        **PAGES,
        "metadata": {"order": "17"},
        "customerEmail": "buyer@example.com",
        "customerName": "A Buyer",
        "customerPhone": "+1 555 0100",
        "shippingAddress": ADDRESS,
        "billingAddress": ADDRESS,
        "coupon": None,
        "couponCode": None,
        "tipAmount": 0,
        "shippingMethodId": "standard",
        "paymentMethodId": "card",
    },
    headers=IDEMPOTENT,
    reads=["sessionId", "url"],
)

SUBSCRIPTION_SESSION = Call(
    name="subscription session",
    method="POST",
    path=f"{P}/subscription/stripe-session",
    body={
        "resource": "silver",
        "interval": "weekly",
        "intervalDays": None,
        "trialDays": 0,
        "customerEmail": "member@example.com",
        "metadata": {"order": "17"},
        "couponCode": None,
        **PAGES,
    },
    headers=IDEMPOTENT,
    reads=["sessionId", "url"],
    keep={"session": "sessionId"},
)

SUBSCRIPTION_QUOTE = Call(
    name="subscription quote",
    method="POST",
    path=f"{P}/subscription/quote",
    body={"resource": "gold", "interval": "monthly", "couponCode": None, "intervalDays": None},
    statuses=frozenset({200, 402}),
    reads=[
        *requirement_of("requirement"),
        "subscription.interval",
        "subscription.durationSeconds",
        "subscription.periodStart",
        "subscription.periodEnd",
    ],
    keep={"quote": "requirement"},
)

ACTIVATE = Call(
    name="activate",
    method="POST",
    path=f"{P}/subscription/x402/activate",
    body=lambda state: {
        "resource": "gold",
        "walletAddress": state["wallet"],
        "transactionSignature": state["signature"],
        "interval": "monthly",
        "intervalDays": None,
    },
    reads=["success", "status", "periodStart", "periodEnd"],
)

STATUS = Call(
    name="status",
    method="GET",
    path=lambda state: f"{P}/subscription/status?resource=gold&userId={state['wallet']}",
    reads=["active", "status", "currentPeriodEnd", "interval"],
)

OPERATOR: Final = {"Authorization": f"Bearer {KEY}"}
"""Changes need a proof of whose it is, which the SDK leaves to its host."""

_DETAILED: Final = [
    *("id", "resource", "status", "interval", "pricePerPeriod", "currency", "cancelAtPeriodEnd"),
    *("currentPeriodStart", "currentPeriodEnd", "createdAt", "paymentMethod"),
]

DETAILS = Call(
    name="details",
    method="GET",
    path=lambda state: f"{P}/subscription/details?resource=gold&userId={state['wallet']}",
    headers=OPERATOR,
    reads=_DETAILED,
    keep={"subscription": "id"},
)

CARD_DETAILS = Call(
    name="details by card",
    method="GET",
    path=lambda state: f"{P}/subscription/details?resource=silver&userId={state['customer']}",
    headers=OPERATOR,
    reads=[*_DETAILED, "customerId"],
    keep={"subscription": "id"},
)

PREVIEW = Call(
    name="change preview",
    method="POST",
    path=f"{P}/subscription/change/preview",
    body=lambda state: {
        "currentResource": "gold",
        "newResource": "silver",
        "userId": state["wallet"],
        "newInterval": None,
    },
    headers=OPERATOR,
    reads=[
        *("success", "immediateAmount", "currency", "currentPlanPrice", "newPlanPrice"),
        *("daysRemaining", "effectiveDate"),
    ],
)

CHANGE = Call(
    name="change",
    method="POST",
    path=f"{P}/subscription/change",
    body=lambda state: {
        "subscriptionId": state["subscription"],
        "newResource": "gold",
        "prorationBehavior": "create_prorations",
    },
    headers={**OPERATOR, **IDEMPOTENT},
    reads=["success", "newResource"],
)

CANCEL_LATER = Call(
    name="cancel",
    method="POST",
    path=f"{P}/subscription/cancel",
    body=lambda state: {"subscriptionId": state["subscription"], "atPeriodEnd": True},
    headers=OPERATOR,
    reads=["success", "atPeriodEnd"],
)

PORTAL = Call(
    name="portal",
    method="POST",
    path=f"{P}/subscription/portal",
    body=lambda state: {"customerId": state["customer"]},
    headers=OPERATOR,
    reads=["url"],
)

OLDER: Final[Sequence[Call]] = [
    Call(
        name="change by an older client",
        method="POST",
        path=f"{P}/subscription/change",
        body=lambda state: {
            "currentResource": "silver",
            "newResource": "gold",
            "userId": state["customer"],
            "newInterval": None,
            "immediate": True,
        },
        headers=OPERATOR,
        reads=["success", "newResource"],
    ),
    Call(
        name="cancel by an older client",
        method="POST",
        path=f"{P}/subscription/cancel",
        body=lambda state: {"resource": "gold", "userId": state["customer"], "immediate": False},
        headers=OPERATOR,
        reads=["success", "atPeriodEnd"],
    ),
    Call(
        name="portal by an older client",
        method="POST",
        path=f"{P}/subscription/portal",
        body=lambda state: {"userId": state["customer"], "returnUrl": f"{CARD_HOST}/account"},
        headers=OPERATOR,
        reads=["url"],
    ),
]
"""Released clients that knew no id of a subscription."""

_SHOWN: Final = [
    *("title", "slug", "description", "images", "imageUrl", "tags", "categoryIds"),
    *("inventoryStatus", "inventoryQuantity", "shippingProfile", "fiatAmountCents"),
    *("effectiveFiatAmountCents", "compareAtAmountCents", "fiatCurrency"),
    "metadata.shippingCountries",
]

ADAPTER: Final[Sequence[Call]] = [
    Call(
        name="list",
        method="GET",
        path=f"{P}/products?limit=24&offset=0&search=article&category=texts&sort=featured"
        "&in_stock=true&min_price=0&max_price=5&tags=reading,other",
        reads=["products.0.id", "total|count", *(f"products.0.{name}" for name in _SHOWN)],
    ),
    Call(
        name="lookup",
        method="GET",
        path=f"{P}/products?ids=article,book&limit=2&offset=0",
        reads=["products.1.id", "total"],
    ),
    Call(
        name="categories",
        method="GET",
        path=f"{P}/products?limit=500&offset=0",
        reads=["products.0.categoryIds"],
    ),
    Call(name="by slug", method="GET", path=f"{P}/products/by-slug/an-article", reads=_SHOWN),
    Call(
        name="by slug, unknown",
        method="GET",
        path=f"{P}/products/by-slug/nothing",
        statuses=frozenset({404, 405}),
    ),
    Call(name="by id", method="GET", path=f"{P}/products/article", reads=_SHOWN),
    Call(
        name="storefront",
        method="GET",
        path=f"{P}/storefront",
        reads=["config", "paymentMethods.stripe", "paymentMethods.x402", "paymentMethods.credits"],
    ),
]

PRICES = Call(
    name="prices",
    method="GET",
    path=f"{P}/products?ids=article",
    reads=[
        f"products.0.{name}"
        for name in (
            *("fiatAmount", "effectiveFiatAmount", "fiatCurrency", "cryptoAmount"),
            *("effectiveCryptoAmount", "cryptoToken", "hasStripeCoupon", "hasCryptoCoupon"),
            *("stripeDiscountPercent", "cryptoDiscountPercent"),
        )
    ],
)


def absent(method: str, path: str, body: Any = None) -> Call:
    """Ask for what is not here."""
    return Call(name=path, method=method, path=path, body=body)


ABSENT: Final[Mapping[str, Sequence[Call]]] = {
    "credits": [
        absent("GET", f"{P}/credits/balance"),
        absent("POST", f"{P}/credits/hold", {"resource": "article", "couponCode": None}),
        absent("POST", f"{P}/cart/cart_1/credits/hold", {}),
        absent("POST", f"{P}/credits/authorize", {"resource": "article", "holdId": "h"}),
        absent("POST", f"{P}/cart/cart_1/credits/authorize", {"holdId": "h"}),
        absent("POST", f"{P}/credits/hold/h/release"),
    ],
    "chat": [absent("POST", f"{P}/chat", {"message": "Hello"})],
    "gift": [
        absent("GET", f"{P}/gift-card/claim/token"),
        absent("POST", f"{P}/gift-card/claim/token"),
        absent("GET", f"{P}/gift-card/balance/code"),
    ],
    "asset": [
        absent("GET", f"{P}/asset-redemption/article/form"),
        absent("POST", f"{P}/asset-redemption/article/submit", {"formData": {}}),
        absent("GET", f"{P}/asset-redemption/article/status"),
    ],
    "compliance": [absent("POST", f"{P}/compliance-check", {"resources": ["article"]})],
    "related": [absent("POST", "/admin/ai/related-products", {"productId": "article"})],
}
