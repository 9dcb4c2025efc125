"""The tutorial on cards: every block prints what the page shows, in one sandbox."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from e2e.http_call import call
from support.command import SANDBOX, TILLWAY, environment, running
from support.pages import TUTORIAL, Page

MARK = "=== next"


def blocks() -> list[tuple[str, str]]:
    """Give each command with what the page says that it prints."""
    found: list[tuple[str, str]] = []
    for block in Page(TUTORIAL / "cards-and-subscriptions.md").blocks():
        if block.language == "sh":
            found.append((block.code, ""))
        else:
            code, _ = found.pop()
            found.append((code, block.code))
    return found


@pytest.mark.skipif(
    shutil.which("curl") is None or shutil.which("python3") is None,
    reason="the tutorial uses curl and python3",
)
class TestTutorial:
    def test_every_block_prints_what_the_page_shows(self, tmp_path: Path) -> None:
        """In one shell, as whoever reads it types them."""
        arguments = ("sandbox", "--port", 0, "--rpc-port", 0, "--stripe-port", 0)
        with running(*arguments, folder=tmp_path, until=SANDBOX) as started:
            shop = f"http://127.0.0.1:{started.port}"
            stripe = call(f"{shop}/sandbox").json()["stripe_url"]
            script = f"\necho '{MARK}'\n".join(code for code, _ in blocks())
            script = script.replace("http://127.0.0.1:8080", shop)
            script = script.replace("http://127.0.0.1:12111", stripe)
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", script],
                cwd=tmp_path,
                env=environment(PATH=f"{TILLWAY.parent}{os.pathsep}{os.environ['PATH']}"),
                capture_output=True,
                text=True,
                timeout=240,
                check=False,
            )
        assert done.returncode == 0, done
        assert done.stdout.split(f"{MARK}\n") == [shown for _, shown in blocks()]
