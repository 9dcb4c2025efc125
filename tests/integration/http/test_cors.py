"""What pages in browsers may do."""

import pytest

from support.shell import ask, names, route, shell

SHOP = "https://shop.example"
EXPOSED = {
    "payment-required",
    "payment-response",
    "x-payment-response",
    "x-idempotency-replay",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-request-id",
    "retry-after",
}
CLIENTS_SEND = "content-type,payment-signature,x-payment,access-control-expose-headers"


def asking(origin: str = SHOP, headers: str = CLIENTS_SEND) -> dict[str, str]:
    return {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": headers,
    }


class TestWithoutOrigins:
    async def test_there_is_no_cors(self) -> None:
        """No headers, and OPTIONS is a method like others."""
        async with shell(route(method="POST")) as client:
            plain = await ask(client, method="POST", headers={"Origin": SHOP})
            preflight = await ask(client, method="OPTIONS", headers=asking())
        assert not [name for name in plain.headers if name.startswith("Access-Control")]
        assert (preflight.status, preflight.code) == (405, "method_not_allowed")

    async def test_an_open_route_is_open_all_the_same(self) -> None:
        """Discovery is for every page."""
        async with shell(route(method="POST", open=True)) as client:
            plain = await ask(client, method="POST", headers={"Origin": SHOP})
            preflight = await ask(client, method="OPTIONS", headers=asking())
        assert plain.headers["Access-Control-Allow-Origin"] == "*"
        assert (preflight.status, preflight.headers["Access-Control-Allow-Origin"]) == (204, "*")


class TestOrigins:
    @pytest.mark.parametrize(
        ("origins", "origin", "allowed"),
        [
            (("*",), SHOP, "*"),
            ((SHOP,), SHOP, SHOP),
            ((SHOP,), "https://other.example", None),
            ((SHOP,), "http://shop.example", None),
            (("https://a.example", SHOP), SHOP, SHOP),
            (("https://*.shop.example",), "https://eu.shop.example", "https://eu.shop.example"),
            (("https://*.shop.example",), "https://a.b.shop.example", "https://a.b.shop.example"),
            (("https://*.shop.example",), "https://shop.example", None),
            (("https://*.shop.example",), "https://evil.example/.shop.example", None),
            (("https://*.shop.example",), "https://.shop.example", None),
            (("https://*.shop.example",), "https://evilshop.example", None),
        ],
    )
    async def test_only_those_configured_are_let_in(
        self, origins: tuple[str, ...], origin: str, allowed: str | None
    ) -> None:
        """A star stands for one or more labels of a host."""
        async with shell(origins=origins) as client:
            found = await ask(client, headers={"Origin": origin})
        assert found.headers.get("Access-Control-Allow-Origin") == allowed
        assert "Access-Control-Allow-Credentials" not in found.headers
        assert ("Origin" in names(found.headers["Vary"])) is (allowed != "*")

    async def test_answers_expose_what_payments_need(self) -> None:
        """Errors too: a 402 is read by its headers."""
        async with shell(origins=(SHOP,)) as client:
            for path in ("/thing", "/nothing"):
                found = await ask(client, path, headers={"Origin": SHOP})
                exposed = {
                    name.lower() for name in names(found.headers["Access-Control-Expose-Headers"])
                }
                assert exposed >= EXPOSED

    async def test_a_request_without_origin_varies_too(self) -> None:
        """Or a cache would give its answer to pages."""
        async with shell(origins=(SHOP,)) as client:
            found = await ask(client)
        assert "Access-Control-Allow-Origin" not in found.headers
        assert "Origin" in names(found.headers["Vary"])


class TestPreflight:
    @pytest.mark.parametrize("path", ["/thing", "/nothing"])
    async def test_it_is_answered_for_every_path(self, path: str) -> None:
        """204 with what may be sent, for five minutes."""
        async with shell(route(method="POST"), origins=(SHOP,)) as client:
            found = await ask(client, path, "OPTIONS", headers=asking())
        assert found.status == 204
        assert found.headers["Access-Control-Allow-Origin"] == SHOP
        assert set(names(found.headers["Access-Control-Allow-Methods"])) == {
            "GET",
            "POST",
            "DELETE",
            "OPTIONS",
        }
        assert found.headers["Access-Control-Max-Age"] == "300"

    async def test_it_lets_the_official_clients_send_their_headers(self) -> None:
        """Their paid retry carries Access-Control-Expose-Headers as a request header."""
        async with shell(origins=(SHOP,)) as client:
            found = await ask(client, method="OPTIONS", headers=asking(headers=""))
        allowed = {name.lower() for name in names(found.headers["Access-Control-Allow-Headers"])}
        assert allowed >= {*CLIENTS_SEND.split(","), "sign-in-with-x", "idempotency-key"}

    async def test_it_lets_pages_send_headers_of_their_own(self) -> None:
        """As the reference reflects what is asked for; what is no header's name is not repeated."""
        odd = "x-trace, x y, <b>, , x-payment"
        async with shell(origins=(SHOP,)) as client:
            found = await ask(client, method="OPTIONS", headers=asking(headers=odd))
        allowed = names(found.headers["Access-Control-Allow-Headers"])
        assert "x-trace" in allowed
        assert not {"x y", "<b>", "", "x-payment"} & set(allowed)

    async def test_a_stranger_is_not_let_in(self) -> None:
        """Nor told why."""
        async with shell(origins=(SHOP,)) as client:
            found = await ask(client, method="OPTIONS", headers=asking("https://evil.example"))
        assert "Access-Control-Allow-Origin" not in found.headers

    async def test_options_without_a_preflight_is_a_method_like_others(self) -> None:
        """405."""
        async with shell(origins=(SHOP,)) as client:
            found = await ask(client, method="OPTIONS", headers={"Origin": SHOP})
        assert found.status == 405
