"""What is believed of those who stand between, and of nobody else."""

from aiohttp import web

from support.shell import ask, route, shell
from tillway.entrypoints.http.render import answer
from tillway.entrypoints.http.request import CLIENT, origin

FORWARDED = {
    "X-Forwarded-For": "1.1.1.1, 203.0.113.9",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "pay.example",
}


async def who(request: web.Request) -> web.StreamResponse:
    return answer({"client": request[CLIENT], "origin": origin(request)})


class TestProxies:
    async def test_a_stranger_is_not_believed(self) -> None:
        """His address is that of his connection, whatever he writes."""
        for proxies in ((), ("10.0.0.0/8",)):
            async with shell(route(who), trusted_proxies=proxies) as client:
                others = {"X-Real-IP": "9.9.9.9", "True-Client-IP": "9.9.9.9", **FORWARDED}
                found = (await ask(client, headers=others)).body
            assert found["client"] == "127.0.0.1"
            assert found["origin"].startswith("http://127.0.0.1")

    async def test_a_trusted_proxy_is_believed(self) -> None:
        """The address it saw, the scheme and the host that were asked for."""
        async with shell(route(who), trusted_proxies=("127.0.0.0/8",)) as client:
            found = (await ask(client, headers=FORWARDED)).body
        assert found == {"client": "203.0.113.9", "origin": "https://pay.example"}

    async def test_a_trusted_proxy_that_says_nothing_is_the_client(self) -> None:
        """Nothing else is known."""
        async with shell(route(who), trusted_proxies=("127.0.0.1",)) as client:
            found = (await ask(client)).body
        assert found["client"] == "127.0.0.1"

    async def test_other_headers_are_never_believed(self) -> None:
        """Proxies that append do not clean them."""
        async with shell(route(who), trusted_proxies=("127.0.0.1",)) as client:
            headers = {"X-Real-IP": "9.9.9.9", "Forwarded": "for=9.9.9.9"}
            assert (await ask(client, headers=headers)).body["client"] == "127.0.0.1"
