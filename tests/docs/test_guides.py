"""The README and the guides: links lead somewhere, settings are valid, examples run."""

import asyncio
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import click
import pytest
import yaml
from attrs import frozen
from solders.keypair import Keypair

from support.command import environment
from support.guides import Reader, typed
from support.pages import DOCS, ROOT, Page, name_of, pages
from tillway.entrypoints.cli import tillway
from tillway.entrypoints.configuration import configure
from tillway.entrypoints.settings.checking import check

WALLET: Final = "YOUR_WALLET"
_NAMED: Final = re.compile(r"(?:#|//) (?P<name>[\w.-]+)\n")


@frozen(kw_only=True)
class Example:
    """A block of code on a page; ``name`` is the file that its first line names."""

    page: Page
    code: str

    @property
    def name(self) -> str:
        """The file's name, empty without one."""
        named = _NAMED.match(self.code)
        return named["name"] if named else ""

    def __str__(self) -> str:
        """Name it as test reports do."""
        return f"{name_of(self.page)}:{self.name}"


def examples(language: str, *of: str) -> list[Example]:
    """Give the blocks in a language on these pages, or on all."""
    chosen = [Page(ROOT / path) for path in of] or pages()
    return [
        Example(page=page, code=block.code)
        for page in chosen
        for block in page.blocks()
        if block.language == language
    ]


def settings_of(example: Example) -> str:
    """Give a settings example with a wallet in its place."""
    return example.code.replace(WALLET, str(Keypair().pubkey()))


def named(language: str, name: str, path: str) -> Example:
    """Give the first block of that name on a page."""
    return next(each for each in examples(language, path) if each.name == name)


class TestIndex:
    def test_every_guide_can_be_reached_from_the_index(self) -> None:
        """Folders stand for what is in them."""
        index = Page(DOCS / "index.md")
        targets = {(DOCS / link.partition("#")[0]).resolve() for link in index.links()}
        for page in set(DOCS.rglob("*.md")) - {index.path}:
            assert targets & {page, *page.parents}, page


class TestSettings:
    @pytest.mark.parametrize(
        "example",
        [each for each in examples("yaml") if each.name == "tillway.yaml" and WALLET in each.code],
        ids=str,
    )
    def test_examples_are_valid(self, example: Example, tmp_path: Path) -> None:
        """Once a wallet is put in, nothing is wrong and nothing is without effect."""
        file = tmp_path / "tillway.yaml"
        file.write_text(settings_of(example))
        report = check(file, environ={}, directory=tmp_path)
        assert (report.faults, report.warnings, report.not_in_force) == ((), (), ())
        configure(settings_of(example), {})

    def test_cards_need_their_secrets_only(self, tmp_path: Path) -> None:
        """With them in the environment the guide's settings are whole."""
        file = tmp_path / "tillway.yaml"
        file.write_text(named("yaml", "cards.yaml", "docs/how-to/take-cards.md").code)
        secrets = {
            "CEDROS_STRIPE_SECRET_KEY": "sk_test_0123456789",
            "CEDROS_STRIPE_WEBHOOK_SECRET": "whsec_0123456789abcdef0123456789abcdef",
        }
        report = check(file, environ=secrets, directory=tmp_path)
        assert (report.faults, report.warnings, report.not_in_force) == ((), (), ())

    def test_the_wallet_must_be_put_in(self, tmp_path: Path) -> None:
        """Who copies without looking pays nobody."""
        file = tmp_path / "tillway.yaml"
        file.write_text(named("yaml", "tillway.yaml", "README.md").code)
        (fault,) = check(file, environ={}, directory=tmp_path).faults
        assert fault.key == "x402.payment_address"


EMBEDDING: Final = examples("python", "README.md", "docs/how-to/embed.md")


class TestEmbedding:
    @pytest.fixture(autouse=True)
    def place(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Work in a folder with the README's settings."""
        (tmp_path / "tillway.yaml").write_text(
            settings_of(named("yaml", "tillway.yaml", "README.md"))
        )
        monkeypatch.chdir(tmp_path)

    @pytest.mark.parametrize("example", EMBEDDING, ids=str)
    def test_examples_can_be_imported(self, example: Example, tmp_path: Path) -> None:
        """They are whole files. The one that runs at once is a program of its own."""
        file = tmp_path / example.name
        file.write_text(example.code)
        if "__main__" in example.code or "asyncio.run" not in example.code:
            runpy.run_path(str(file))

    def test_the_application_serves_the_gateway_under_its_path(self) -> None:
        """The README's example and the guide's are the same."""
        readme = named("python", "app.py", "README.md")
        assert readme.code == named("python", "app.py", "docs/how-to/embed.md").code
        names: dict[str, object] = {"__name__": "app"}
        exec(readme.code, names)
        app = names["app"]
        paths = {route.resource.canonical for route in app.router.routes()}  # type: ignore[attr-defined]  # whatever it is
        assert "/pay/paywall/{resourceId}" in paths

    def test_the_price_is_told(self, tmp_path: Path) -> None:
        """The program without HTTP prints one offer, though no node is asked."""
        file = tmp_path / "price.py"
        file.write_text(named("python", "price.py", "docs/how-to/embed.md").code)
        done = subprocess.run(
            [sys.executable, file],
            env=environment(X402_RPC_URL="http://127.0.0.1:9", X402_SERVER_WALLET_1=str(Keypair())),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout == "x402 0.050000 USDC\n"

    async def test_the_workers_run_until_they_are_cancelled(self, tmp_path: Path) -> None:
        """As the host's own tasks."""
        text = (tmp_path / "tillway.yaml").read_text().partition("x402:")[0]
        fiat = "paywall: {resources: {mug: {fiat_amount_cents: 5}}}\n"
        (tmp_path / "tillway.yaml").write_text(text + fiat)
        names: dict[str, object] = {"__name__": "workers"}
        exec(named("python", "workers.py", "docs/how-to/embed.md").code, names)
        running_all = asyncio.create_task(names["main"]())  # type: ignore[operator]  # a coroutine function
        await asyncio.sleep(0.2)
        assert not running_all.done()
        running_all.cancel()
        await asyncio.gather(running_all, return_exceptions=True)
        assert running_all.cancelled()


@pytest.mark.skipif(shutil.which("curl") is None, reason="the tutorial uses curl")
class TestFirstPayment:
    def test_every_command_does_what_the_page_says(self, someone: Reader, tmp_path: Path) -> None:
        """In the page's order, against a sandbox on ports of its own."""
        commands = [each.code for each in examples("sh", "docs/tutorial/first-payment.md")]
        assert commands.pop(0).startswith("tillway sandbox")
        said = [someone.types(command, tmp_path) for command in commands]
        together = "\n".join(said)
        for words in ("402 Payment Required", '"payTo"', "settled on chain", '"method":"free"'):
            assert words in together
        assert "/stripe/success?session_id=cs_test_" in together
        assert len(said) == 9


class TestCatalogue:
    def test_its_commands_import_list_and_export(self, tmp_path: Path) -> None:
        """With the files of the page, in its order; a copy is what was imported."""
        path = "docs/how-to/edit-the-catalogue.md"
        for example in examples("yaml", path):
            (tmp_path / example.name).write_text(example.code)
        script = "\n".join(each.code for each in examples("sh", path))
        said = typed(script, tmp_path)
        for words in ("2 added (nothing was written)", "2 added\n", "1 added\n", "12.50 EUR"):
            assert words in said
        copy = yaml.safe_load((tmp_path / "copy.yaml").read_text())["paywall"]["resources"]
        assert copy["mug"]["metadata"]["slug"] == "blue-mug"
        assert said.endswith("}\n")


def lines() -> list[tuple[str, str]]:
    """Give the lines of pages that begin with our command, each with its page's name."""
    return [
        (name_of(each.page), line)
        for each in examples("sh")
        for line in each.code.splitlines()
        if line.startswith("tillway ")
    ]


class TestLines:
    @pytest.mark.parametrize(("page", "line"), lines())
    def test_every_line_is_one_that_the_command_takes(self, page: str, line: str) -> None:
        """Its commands and options are there, and it names the settings where they are read."""
        _, *words = shlex.split(line, comments=True)
        found: click.Command = tillway
        while isinstance(found, click.Group):
            inner = found.get_command(click.Context(found), words.pop(0))
            assert inner is not None, (page, line)
            found = inner
        options = {name for option in found.params for name in option.opts}
        given = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert given <= options, (page, line)
        assert "--config" in given or "--config" not in options, (page, line)


class TestReadme:
    def test_its_first_commands_are_those_that_set_everything_up(self) -> None:
        """A fresh machine needs no more than these."""
        serve, test, *_ = [each.code.strip() for each in examples("sh", "README.md")]
        set_up = "python3 -m venv .venv && .venv/bin/pip install tox && .venv/bin/tox"
        assert (serve, test) == (f"{set_up} run -e sandbox", set_up)

    def test_ci_calls_the_second(self) -> None:
        """It takes it from the page itself."""
        assert "grep -m1 '/bin/tox$' README.md" in (ROOT / ".ci" / "run").read_text()

    def test_every_command_is_in_its_table(self) -> None:
        """And in no other words than `tillway --help` knows."""
        from tillway.entrypoints.cli import COMMANDS

        text = (ROOT / "README.md").read_text()
        assert all(f"`tillway {name}" in text for name in COMMANDS)
