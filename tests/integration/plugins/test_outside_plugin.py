"""The plugin of the tutorial, as an outsider builds, installs, configures and sells with it.

Both wheels are built and installed without their dependencies into an environment of their own.
"""

import asyncio
import base64
import json
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
import yaml

from support.chain import funded
from support.shop import settings_text
from support.wheels import ROOT, Environment, build_wheel, installed_in
from tillway.entrypoints.sandbox.chain import Chain, Served

PROJECT: Final = ROOT / "docs" / "tutorial" / "first-plugin"


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Install our wheel and the plugin's, and lay the tutorial's files beside them."""
    folder = tmp_path_factory.mktemp("outside")
    project = folder / "project"
    shutil.copytree(PROJECT, project)
    wheels = [
        build_wheel(source, folder / name) for name, source in (("ours", ROOT), ("its", project))
    ]
    made = installed_in(folder / "venv", *wheels)
    for name in ("tillway.yaml", "buy.py"):
        shutil.copy(PROJECT / name, made.folder)
    shutil.copytree(PROJECT / "tests", made.folder / "tests")
    shutil.copy(PROJECT / "pyproject.toml", made.folder)
    return made


def issued(outside: Environment, worth: str = "12.50", book: str = "vouchers.db") -> str:
    """Issue one voucher as the tutorial says."""
    return outside.run("python", "-m", "tillway_vouchers", book, worth, "USD").strip()


def bought(outside: Environment, url: str, code: str) -> tuple[int, Any]:
    """Buy with the tutorial's buyer; give the status and the body."""
    status, _, body = outside.run("python", "buy.py", url, code).partition(" ")
    return int(status), json.loads(body)


def offered(url: str) -> Mapping[str, Any]:
    """Ask without paying, and give the offers of x402 version 2 by their schemes."""
    with pytest.raises(HTTPError) as asked:
        urlopen(url)
    with asked.value as answer:
        required = json.loads(base64.b64decode(answer.headers["PAYMENT-REQUIRED"]))
    return {each["scheme"]: each for each in required["accepts"]}


def posted(url: str, body: object, headers: Mapping[str, str] | None = None) -> tuple[int, Any]:
    """POST JSON; give the status and the body."""
    request = Request(url, json.dumps(body).encode(), dict(headers or {}))
    try:
        with urlopen(request) as answer:
            return answer.status, json.load(answer)
    except HTTPError as refused:
        with refused:
            return refused.code, json.load(refused)


class TestOutsidePlugin:
    def test_both_come_from_their_wheels(self, outside: Environment) -> None:
        """Not from this source tree, and the wheel brings all four slices."""
        slices = ("core", "adapters", "plugins", "entrypoints")
        names = [f"tillway.{name}" for name in slices] + ["tillway_vouchers"]
        code = f"import {', '.join(names)}\nprint(*[m.__file__ for m in ({', '.join(names)})])"
        for file in outside.run("python", "-c", code).split():
            assert Path(file).is_relative_to(outside.place)

    def test_it_is_listed_with_its_origin(self, outside: Environment) -> None:
        """`tillway plugins` shows it among ours."""
        listed = json.loads(outside.run("tillway", "plugins", "--json"))
        (ours,) = [each for each in listed if each["name"] == "voucher"]
        assert (ours["distribution"], ours["version"]) == ("tillway-vouchers", "0.1.0")
        assert (ours["kind"], ours["settings"]) == ("rail", "voucher")
        assert ours["hooks"] == ["tillway_rails"]
        assert not any(each["fault"] for each in listed)

    def test_its_settings_are_checked_like_ours(self, outside: Environment) -> None:
        """What is missing or misspelt is named by its key."""
        outside.run("tillway", "config", "check", "--config", "tillway.yaml")
        text = (PROJECT / "tillway.yaml").read_text()
        wrong = outside.folder / "wrong.yaml"
        wrong.write_text(text.replace("issuer: The Mug Shop", "isuer: The Mug Shop"))
        said = outside.fails("tillway", "config", "check", "--config", wrong)
        assert "voucher.isuer" in said
        assert "voucher.issuer" in said

    def test_its_own_tests_pass_on_the_wheels(self, outside: Environment) -> None:
        """It keeps the laws of rails, without our source tree."""
        said = outside.run("python", "-m", "pytest", "-q", "tests")
        assert " passed" in said

    def test_a_voucher_buys_once(self, outside: Environment) -> None:
        """One purchase, and nothing else of the same price, not even after a restart."""
        code, settings = issued(outside), outside.folder / "tillway.yaml"
        with outside.serving(settings) as address:
            status, grant = bought(outside, f"{address}/paywall/mug", code)
            assert (status, grant["granted"], grant["method"]) == (200, True, "voucher")
            status, refusal = bought(outside, f"{address}/paywall/poster", code)
            assert (status, refusal["error"]) == (402, "duplicate_settlement")
        with outside.serving(settings) as address:
            status, refusal = bought(outside, f"{address}/paywall/poster", code)
            assert (status, refusal["error"]) == (402, "duplicate_settlement")

    def test_what_is_no_voucher_of_that_price_is_refused(self, outside: Environment) -> None:
        """Another worth, a code that nobody issued, and no code at all; the first stays good."""
        code = issued(outside, "12.49")
        with outside.serving(outside.folder / "tillway.yaml") as address:
            url = f"{address}/paywall/mug"
            for given, why in (
                (code, "amount_mismatch"),
                ("A" * 26, "invalid_payment_proof"),
                ("nonsense", "invalid_payment_proof"),
            ):
                status, refusal = bought(outside, url, given)
                assert (status, refusal["error"]) == (402, why)

    def test_many_buyers_with_one_voucher_get_one_purchase(self, outside: Environment) -> None:
        """Two things of one price, asked for at once: one is sold."""
        code = issued(outside)
        with outside.serving(outside.folder / "tillway.yaml") as address:
            urls = [f"{address}/paywall/{name}" for name in ("mug", "poster") * 3]
            with ThreadPoolExecutor(6) as pool:
                answers = list(pool.map(lambda url: bought(outside, url, code), urls))
        granted = {body["resource"] for status, body in answers if status == 200}
        assert len(granted) == 1
        assert {status for status, _ in answers} == {200, 402}

    def test_the_cedros_face_takes_it_and_does_not_offer_it(self, outside: Environment) -> None:
        """Its clients speak version 0 only; a payment of version 2 is verified all the same."""
        code = issued(outside)
        with outside.serving(outside.folder / "tillway.yaml") as address:
            accepted = offered(f"{address}/paywall/mug")["voucher"]
            status, body = posted(f"{address}/paywall/v1/quote", {"resource": "mug"})
            assert (status, body["error"]["code"]) == (400, "invalid_resource")
            payment = {"x402Version": 2, "accepted": accepted, "payload": {"code": code}}
            header = base64.b64encode(json.dumps(payment).encode()).decode()
            url = f"{address}/paywall/v1/verify"
            for _ in range(2):
                status, body = posted(url, {}, {"PAYMENT-SIGNATURE": header})
                assert (status, body["resource"], body["method"]) == (200, "mug", "voucher")

    async def test_it_is_offered_beside_x402(
        self, outside: Environment, live_chain: Chain, live_node: Served
    ) -> None:
        """One 402 with both, ours first; what has no price in a token is sold by voucher only."""
        both = {"fiat_amount_cents": 1250, "crypto_atomic_amount": 50_000, "crypto_token": "USDC"}
        text = settings_text(
            live_node,
            funded(live_chain),
            paywall={"resources": {"article": both, "mug": {"fiat_amount_cents": 1250}}},
            storage={"backend": "file", "file_path": "beside.db"},
            voucher={"issuer": "The Mug Shop", "file": "beside-vouchers.db"},
        )
        settings = outside.folder / "beside.yaml"
        settings.write_text(yaml.safe_dump({**yaml.safe_load(text), "plugins": ["voucher"]}))
        sponsor = str(funded(live_chain, sol=10).keypair)
        await asyncio.to_thread(self._buy_beside, outside, settings, sponsor)

    def _buy_beside(self, outside: Environment, settings: Path, sponsor: str) -> None:
        with outside.serving(settings, X402_SERVER_WALLET_1=sponsor) as address:
            found = offered(f"{address}/paywall/article")
            assert list(found) == ["exact", "voucher"]
            assert (found["exact"]["amount"], found["voucher"]["amount"]) == ("50000", "1250")
            assert found["voucher"]["payTo"] == "The Mug Shop"
            assert list(offered(f"{address}/paywall/mug")) == ["voucher"]
            code = issued(outside, book="beside-vouchers.db")
            assert bought(outside, f"{address}/paywall/article", code)[0] == 200
