"""The description, tested against the running gateway."""

import asyncio
import sys
from pathlib import Path

from aiohttp import web

from support.faces import faces
from support.shell import ask, route, serving
from support.shop import Shop, open_shop
from tillway.core.contracts.counts import count
from tillway.entrypoints.http.apis.discovery.openapi import openapi
from tillway.entrypoints.http.app import build_application
from tillway.entrypoints.http.config import SERVED, HttpConfig

CONFIG = Path(__file__).parent / "schemathesis.toml"
EXAMPLES = str(count(10, 200))


async def schemathesis(shop: Shop, folder: Path) -> tuple[int, str]:
    """Run the checker against a gateway; give its exit code and what it says."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "schemathesis.cli",
        "--config-file",
        str(CONFIG),
        "run",
        f"{shop.address}/openapi.json",
        "--no-color",
        "--max-examples",
        EXAMPLES,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


class TestDescription:
    async def test_schemathesis_finds_the_gateway_as_described(self, tmp_path: Path) -> None:
        """Statuses, types, bodies, methods: what is answered is what is written."""
        async with open_shop() as shop:
            code, said = await schemathesis(shop, tmp_path)
        assert code == 0, said

    async def test_it_has_every_route_that_is_served_and_no_other(self) -> None:
        """Of all faces that are enabled, with their prefixes."""
        async with faces(server={"route_prefix": "/api"}) as place:
            paths = (await ask(place.client, "/openapi.json")).body["paths"]
            served = {
                (found.method, found.resource.canonical)
                for found in place.gateway.web.router.routes()
                if found.resource is not None and found.method != "OPTIONS"
            }
        described = {(method.upper(), path) for path, each in paths.items() for method in each}
        assert described == served
        assert {"/cedros-health", "/metrics", "/api/metrics", "/api/paywall/v1/quote"} <= set(paths)

    async def test_it_may_be_read_from_any_page_and_kept_for_an_hour(self) -> None:
        """As the contract has it."""
        async with faces() as place:
            found = await ask(place.client, "/openapi.json")
        assert found.headers["Access-Control-Allow-Origin"] == "*"
        assert found.headers["Cache-Control"] == "public, max-age=3600"
        assert found.headers["Content-Type"] == "application/json"

    async def test_mounted_it_names_the_path_of_its_host(self) -> None:
        """And it is made once."""
        own = route(openapi, "/openapi.json", prefix=False)
        app = build_application([own, route()], config=HttpConfig(version="1.2.3"))
        host = web.Application()
        host.add_subapp("/pay", app)
        async with serving(host) as client:
            first = await ask(client, "/pay/openapi.json")
            made = app[SERVED].document
            await ask(client, "/pay/openapi.json")
        assert first.body["servers"] == [{"url": "/pay"}]
        assert first.body["info"]["version"] == "1.2.3"
        assert app[SERVED].document is made
