"""What the page is made of: who gets it, how it looks, and that hostile text stays text."""

import re
from html.parser import HTMLParser
from typing import Any, Final

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from tillway.core.assets import USD, USDC
from tillway.core.catalog import BillingPeriod, Product, SubscriptionTerms
from tillway.core.errors import Code, Declined
from tillway.core.ids import ProductId
from tillway.core.money import Money
from tillway.core.payments import Purchase
from tillway.core.ports.elsewhere import Link
from tillway.core.quotes import Purpose, Quote
from tillway.core.services.paying.elsewhere import Linked
from tillway.core.services.subscriptions.cards import Offered
from tillway.core.tenancy import DEFAULT
from tillway.entrypoints.paywall.page.assets import Assets, source
from tillway.entrypoints.paywall.page.cards import ByCard, Price
from tillway.entrypoints.paywall.page.html import Html, fill
from tillway.entrypoints.paywall.page.parts import shown
from tillway.entrypoints.paywall.page.render import POLICY, Pages
from tillway.entrypoints.paywall.page.theme import DARK, Theme, contrast, luminance
from tillway.entrypoints.paywall.page.view import View
from tillway.entrypoints.paywall.page.wants import wants_page
from tillway.entrypoints.paywall.request import Request

CHROME: Final = (
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;"
    "q=0.8,application/signed-exchange;v=b3;q=0.7"
)
MONTH, WEEK = BillingPeriod.MONTH, BillingPeriod.WEEK
HOSTILE: Final = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</title><script>alert(1)</script>",
    "$title $style ${script}",
    "&lt;script&gt;",
    "<!--",
    "javascript:alert(1)",
    "\u202e\ud800 half a character",
    "\x00",
]


def asked(method: str = "GET", **headers: str) -> Request:
    """Give a request with these headers."""
    return Request(
        method=method,
        path="/paywall/article",
        query="",
        url="https://shop.example/paywall/article",
        headers=CIMultiDict({name.replace("_", "-"): text for name, text in headers.items()}),
        body=b"",
        address="198.51.100.7",
    )


class TestWhoGetsIt:
    @pytest.mark.parametrize(
        "accept",
        [
            CHROME,
            "text/html",
            "TEXT/HTML;q=0.9, application/json;q=0.8",
            "text/html, */*;q=0.1",
            "application/json;q=0.5,text/html;q=0.6",
            "text/html;level=1",
        ],
    )
    def test_browsers_do(self, accept: str) -> None:
        """They name HTML, and like it better than JSON."""
        assert wants_page(asked(Accept=accept))

    @pytest.mark.parametrize(
        "accept",
        [
            "*/*",
            "",
            "application/json",
            "application/json, text/html",
            "text/html;q=0.5, */*",
            "text/html;q=0",
            "text/html;q=nan",
            "text/html;q=x, */*;q=0",
            "text/*",
            "application/json, text/plain, */*",
            "text/html," + "x" * 2000,
        ],
    )
    def test_clients_of_the_protocol_do_not(self, accept: str) -> None:
        """Whoever takes anything, or JSON as well, gets JSON."""
        assert not wants_page(asked(Accept=accept))

    @pytest.mark.parametrize(
        "header",
        ["PAYMENT-SIGNATURE", "x-payment", "X-Stripe-Session", "X-Signature"],
    )
    def test_whoever_pays_does_not(self, header: str) -> None:
        """A payment is answered with a grant, whatever else is accepted."""
        assert not wants_page(asked(Accept=CHROME, **{header: "x"}))

    def test_only_get_does(self) -> None:
        """A form of somebody's that posts is answered as ever."""
        assert not wants_page(asked("POST", Accept=CHROME))


class Reader(HTMLParser):
    """Reads what a browser would make of a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Note a text."""
        self.words.append(data)


def read(page: bytes) -> Reader:
    """Read a page."""
    reader = Reader()
    reader.feed(page.decode())
    return reader


def pages(theme: Theme | None = None) -> Pages:
    """Give what writes pages."""
    made = theme or Theme(title="Books")
    return Pages(theme=made, assets=Assets.of(made))


def view(text: str = "An article", resource: str = "article", coupon: str = "") -> View:
    """Give a purchase with a text in all its places."""
    product = Product(id=ProductId("article"), description=text, fiat_price=None)
    quote = Quote(
        network="solana:x",
        tenant=DEFAULT,
        purpose=Purpose.PURCHASE,
        resource=resource,
        quantity=1,
        inputs={},
        amount=Money(minor=50_000, asset=USDC),
        pay_to="me",
        coupons=(),
        applied=(),
        principal=None,
        issued_at=0,
        expires_at=300,
        nonce=b"nonce",
    )
    link = Link(url=f"solana:abc?message={text.encode(errors='replace').hex()}", reference="r")
    return View(
        purchase=Purchase(
            tenant=DEFAULT, purpose=Purpose.PURCHASE, resource=resource, coupon=coupon or None
        ),
        product=product,
        coupon=coupon,
        notice=text,
        card=ByCard(
            price=Price(amount=Money(minor=100, asset=USD), before=Money(minor=200, asset=USD))
        ),
        token=Price(amount=Money(minor=50_000, asset=USDC)),
        network=text,
        sponsored=True,
        linked=Linked(link=link, sealed=text, quote=quote),
    )


class TestHostileText:
    @pytest.mark.parametrize("text", HOSTILE)
    def test_it_stays_text(self, text: str) -> None:
        """In each place where a product, a coupon, a seller or a rail may say something."""
        hostile = pages(Theme(title=text, logo=text))
        plain = pages(Theme(title="Books", logo="/logo.png"))
        attacked = hostile.page(view(text, text, text)).body
        usual = plain.page(view("An article", "article", "CODE")).body

        self.is_the_same_page(attacked, usual)
        assert b"onerror" not in attacked or b"&lt;img" in attacked

    @given(st.text(min_size=1, max_size=80))
    def test_whatever_it_is(self, text: str) -> None:
        """The elements of the page and their attributes never depend on a text."""
        attacked = pages(Theme(title=text)).page(view(text, text, text)).body
        usual = pages(Theme(title="Books")).page(view("An article", "article", "CODE")).body
        self.is_the_same_page(attacked, usual)

    def is_the_same_page(self, one: bytes, other: bytes) -> None:
        """Compare elements and the names of attributes."""
        shapes = [
            [(tag, sorted(attributes)) for tag, attributes in read(page).tags if tag != "path"]
            for page in (one, other)
        ]
        assert shapes[0] == shapes[1]

    def test_a_refusal_stays_text(self) -> None:
        """It may repeat what was asked for."""
        refused = Declined(Code.RESOURCE_NOT_FOUND, "<script>alert(1)</script>")
        reply = pages().refusal(refused, view("x", '"><script>').purchase)
        assert reply.status == 404
        assert [tag for tag, _ in read(reply.body).tags].count("script") == 1

    def test_markup_is_what_was_made_here(self) -> None:
        """All other texts are escaped, quotes too."""
        assert fill("<p title='$a'>$b</p>", a="'\"", b=Html("<b>")) == (
            "<p title='&#x27;&quot;'><b></p>"
        )


class TestPolicy:
    def test_nothing_comes_from_elsewhere(self) -> None:
        """No address of another host stands in any file of the page, and nothing is inline."""
        page = pages().page(view()).body.decode()
        for text in (page, source("page.js"), source("page.css")):
            assert re.findall(r"(?:https?:)?//[a-z0-9-]+\.", text) == []
        for tag, attributes in read(page.encode()).tags:
            assert "style" not in attributes
            assert not any(name.startswith("on") for name in attributes), tag
        assert "<script>" not in page
        assert "<style" not in page

    def test_the_policy_allows_no_more(self) -> None:
        """Scripts and styles are ours, and nothing unlisted is loaded."""
        assert "unsafe" not in POLICY
        assert POLICY.startswith("default-src 'none'")
        assert "*" not in POLICY


class TestTheme:
    @given(st.from_regex(r"#[0-9a-f]{6}", fullmatch=True))
    def test_buttons_can_be_read_in_any_colour(self, accent: str) -> None:
        """The contrast of their text is 4.5 at least (WCAG 2.2, AA)."""
        theme = Theme(accent=accent)
        assert contrast(luminance(accent), luminance(theme.on_accent)) >= 4.5

    def test_luminance_is_that_of_the_standard(self) -> None:
        """Black, white, and as far apart as can be."""
        assert luminance("#000000") == 0
        assert luminance("#ffffff") == pytest.approx(1)
        assert contrast(luminance("#000000"), 1) == pytest.approx(21)
        assert contrast(luminance(DARK), 1) == pytest.approx(21)

    def test_the_colour_is_in_the_style_sheet(self) -> None:
        """So that nothing has to be inline; another colour is another file."""
        one, other = Assets.of(Theme()), Assets.of(Theme(accent="#00aa00"))
        assert b"--accent:#00aa00" in other.style.body
        assert one.style.name != other.style.name
        assert one.script.name == other.script.name


class TestFiles:
    def test_they_are_kept_for_ever_by_their_names(self) -> None:
        """Which have a hash of them."""
        assets = Assets.of(Theme())
        for asset in (assets.script, assets.style):
            reply = assets.find(asset.name)
            assert reply is not None
            assert reply.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert reply.body == asset.body

    def test_another_versions_file_is_not_kept(self) -> None:
        """While a new version is rolled out, pages ask for files of the old one."""
        reply = Assets.of(Theme()).find("page.0123456789abcdef.js")
        assert reply is not None
        assert reply.headers["Cache-Control"] == "no-store"

    @pytest.mark.parametrize("name", ["", "page", "page.js.map", "other.js", "..", "page.x.html"])
    def test_there_are_no_others(self, name: str) -> None:
        """Nothing is read from a folder by a name that somebody gives."""
        assert Assets.of(Theme()).find(name) is None


class TestPrices:
    @pytest.mark.parametrize(
        ("minor", "shows"),
        [(50_000, "0.05 USDC"), (50_001, "0.050001 USDC"), (1_500_000, "1.50 USDC")],
    )
    def test_they_are_for_people(self, minor: int, shows: str) -> None:
        """Two decimals, and more only where they say something."""
        assert shown(Money(minor=minor, asset=USDC)) == shows

    def test_a_price_that_was_cut_shows_both(self) -> None:
        """The old one struck through."""
        page = pages().page(view()).body.decode()
        assert "<s>2.00 USD</s>1.00 USD" in page


class TestPlans:
    @pytest.mark.parametrize(
        ("terms", "first", "says"),
        [
            ({"billing_period": MONTH}, 900, ["9.00 USD a month", "Paid a month until"]),
            ({"billing_period": MONTH}, 450, ["4.50 USD at first, then 9.00 USD a month"]),
            ({"billing_period": WEEK, "billing_interval": 2}, 900, ["9.00 USD every 2 weeks"]),
            (
                {"billing_period": MONTH, "trial_days": 14},
                900,
                ["The first 14 days are free, once a customer."],
            ),
        ],
    )
    def test_they_say_what_is_paid_and_when(
        self, terms: dict[str, Any], first: int, says: list[str]
    ) -> None:
        """The period, the trial, the price, and another first one where a coupon comes off."""
        plan = Offered(
            terms=SubscriptionTerms(**terms),
            price=Money(minor=900, asset=USD),
            first=Money(minor=first, asset=USD),
        )
        page = pages().page(evolve(view(), card=ByCard(plan=plan))).body.decode()

        assert "Subscribe by card" in page
        assert "Pay by card" not in page
        assert [words for words in says if words not in page] == []

    def test_the_script_is_told_the_period_in_the_words_of_the_api(self) -> None:
        """Custom ones by their days."""
        terms = SubscriptionTerms(billing_period=MONTH, billing_interval=3)
        plan = Offered(terms=terms, price=None, first=None)
        page = pages().page(evolve(view(), card=ByCard(plan=plan))).body
        (main,) = [attributes for tag, attributes in read(page).tags if tag == "main"]
        assert (main["data-interval"], main["data-days"]) == ("custom", "90")


class TestRefusedCards:
    def test_a_card_that_cannot_pay_is_no_button(self) -> None:
        """The page says why, to those without scripts too; other ways stay."""
        card = ByCard(price=Price(amount=Money(minor=5, asset=USD)), refusal="Too <small>.")
        page = pages().page(evolve(view(), card=card)).body.decode()
        assert "Pay by card" not in page
        assert '<section><h2>Card</h2><p class="quiet">Too &lt;small&gt;.</p>' in page
        assert "0.05 USD" in page
        assert 'id="wallet"' in page
