"""The guide to carts does what it says, in a sandbox."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from support.command import SANDBOX, TILLWAY, Running, environment, running
from support.pages import DOCS, Page

PAGE = Page(DOCS / "how-to" / "sell-carts.md")


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    arguments = ("sandbox", "--port", 0, "--rpc-port", 0, "--stripe-port", 0)
    folder = tmp_path_factory.mktemp("carts")
    with running(*arguments, folder=folder, until=SANDBOX) as started:
        yield started


@pytest.mark.skipif(shutil.which("curl") is None, reason="the guide uses curl")
class TestCommands:
    def test_each_does_what_the_page_says(self, sandbox: Running, tmp_path: Path) -> None:
        """In the page's order: quoted, paid with tokens, paid by card, looked at."""
        blocks = [block.code for block in PAGE.blocks() if block.language == "sh"]
        quoted, paid, checkout, shown = [run(each, sandbox, tmp_path) for each in blocks]

        quote, opened, state = orjson.loads(quoted), orjson.loads(checkout), orjson.loads(shown)
        assert quote["totalAmount"] == 39.32
        assert quote["metadata"]["coupon_codes"] == "SAVE20"
        assert "settled on chain" in paid
        assert opened["sessionId"].startswith("cs_test_")
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/c/pay/cs_test_\w+.*", opened["url"])
        assert opened["totalItems"] == 2
        assert (state["cartId"], state["status"]) == (quote["cartId"], "paid")


def run(command: str, sandbox: Running, folder: Path) -> str:
    """Run a block, and give what it prints."""
    done = subprocess.run(
        [
            "bash",
            "-euo",
            "pipefail",
            "-c",
            command.replace("http://127.0.0.1:8080", f"http://127.0.0.1:{sandbox.port}"),
        ],
        cwd=folder,
        env=environment(PATH=f"{TILLWAY.parent}{os.pathsep}{os.environ['PATH']}"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, (command, done)
    return done.stdout
