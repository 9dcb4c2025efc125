"""Guides whose commands are run in a sandbox, as whoever reads them types them."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from attrs import frozen

from e2e.http_call import call
from support.command import SANDBOX, TILLWAY, Running, environment, running
from support.pages import Page

_NEXT: Final = "=== next"
_SHOP: Final = "http://127.0.0.1:8080"
_CHAIN: Final = "http://127.0.0.1:8899"
_STRIPE: Final = "http://127.0.0.1:12111"


def typed(commands: str, folder: Path, seconds: float = 60) -> str:
    """Run commands in a shell, and give what they print."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=folder,
        env=environment(PATH=f"{TILLWAY.parent}{os.pathsep}{os.environ['PATH']}"),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, (commands, done)
    return done.stdout


@frozen(kw_only=True)
class Reader:
    """Somebody with a shell beside a sandbox, whose ports are not those of the page."""

    sandbox: Running
    stripe: str

    def types(self, commands: str, folder: Path, seconds: float = 60) -> str:
        """Run what a page says, and give what it prints."""
        return typed(self._here(commands), folder, seconds)

    def reads(self, page: Page, folder: Path) -> tuple[Sequence[str], Sequence[str]]:
        """Type all of a page in one shell; give what that prints, and what the page shows."""
        blocks = printing(page)
        script = f"\necho '{_NEXT}'\n".join(code for code, _ in blocks)
        printed = self.types(script, folder, seconds=240).split(f"{_NEXT}\n")
        return printed, [shown for _, shown in blocks]

    def _here(self, commands: str) -> str:
        shop = f"http://127.0.0.1:{self.sandbox.port}"
        here = commands.replace(_SHOP, shop).replace(_STRIPE, self.stripe)
        return here.replace(_CHAIN, self.sandbox.match["rpc"])


def printing(page: Page) -> Sequence[tuple[str, str]]:
    """Give each command of a page with what the page says that it prints."""
    found: list[tuple[str, str]] = []
    for block in page.blocks():
        if block.language == "sh":
            found.append((block.code, ""))
        elif block.language == "text":
            code, _ = found.pop()
            found.append((code, block.code))
    return found


@contextmanager
def reader(folder: Path) -> Iterator[Reader]:
    """Start a sandbox in a folder, and read beside it until the block ends."""
    arguments = ("sandbox", "--port", 0, "--rpc-port", 0, "--stripe-port", 0)
    with running(*arguments, folder=folder, until=SANDBOX) as started:
        about = call(f"http://127.0.0.1:{started.port}/sandbox").json()
        yield Reader(sandbox=started, stripe=about["stripe_url"])
