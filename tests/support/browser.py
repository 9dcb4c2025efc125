"""A real browser: Debian's Chromium, driven by Playwright.

It is taken from the machine. A machine without one, on which we may install packages (CI's), gets
it once; on any other the tests that need it are skipped, and say why.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Literal

from attrs import define, field
from playwright.async_api import Browser, ConsoleMessage, Page, Request, async_playwright, expect

NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
PHONE: Final = {"width": 390, "height": 844}
DESKTOP: Final = {"width": 1280, "height": 800}
SIZES: Final = {"phone": PHONE, "desktop": DESKTOP}

_SERIOUS: Final = ("serious", "critical")
_INSTALL: Final = 90  # seconds; three such calls have to fit into the time of one test
_PATIENCE: Final = 15_000  # milliseconds: what a busy machine may take to show something
_ARGUMENTS: Final = (
    "--no-sandbox",  # CI runs as root, where Chromium's own sandbox cannot be had
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--force-color-profile=srgb",
)


class Missing(Exception):
    """There is no browser on this machine; the text says why."""


def chromium() -> str:
    """Give the path of a browser; install it where we may. Raises Missing."""
    found = _installed()
    if found is not None:
        return found
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise Missing("no Chromium on the PATH, and it cannot be installed here by apt-get as root")
    with (Path(tempfile.gettempdir()) / "tillway-tests-chromium.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # processes of one run wait for the one that installs
        return _installed() or _install()


def _installed() -> str | None:
    named = os.environ.get("TILLWAY_TEST_CHROMIUM")
    return named or next((path for name in NAMES if (path := shutil.which(name))), None)


def _install() -> str:
    """Install it; the lists of packages may have to be fetched first, and are not always."""
    fault = _apt_get("install", "-y", "--no-install-recommends", "chromium")
    if fault is not None:
        _apt_get("update")
        fault = _apt_get("install", "-y", "--no-install-recommends", "chromium")
    found = _installed()
    if fault is not None or found is None:
        raise Missing(f"Chromium could not be installed by apt-get: {fault or 'not on the PATH'}")
    return found


def _apt_get(*arguments: str) -> str | None:
    """Run it, and give what it complains of, if it fails."""
    try:
        done = subprocess.run(
            ["apt-get", "-qq", *arguments],
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_INSTALL,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"it took longer than {_INSTALL} s"
    return done.stderr.strip()[-200:] if done.returncode else None


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """Run a browser until the block ends. Raises Missing."""
    path = chromium()
    expect.set_options(timeout=_PATIENCE)
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=path, args=list(_ARGUMENTS))
        try:
            yield started
        finally:
            await started.close()


@define(slots=False, eq=False)
class Visit:
    """A page that somebody looks at, and what it asked for and complained of.

    Playwright notes its handlers on the object whose methods they are.
    """

    page: Page
    requests: list[str] = field(factory=list)
    complaints: list[str] = field(factory=list)

    def asked(self, request: Request) -> None:
        """Note an address that the page loads or calls."""
        self.requests.append(request.url)

    def heard(self, message: ConsoleMessage) -> None:
        """Note what the console says of errors; a 402 is none of ours."""
        if message.type == "error" and "402 (Payment Required)" not in message.text:
            self.complaints.append(message.text)

    def failed(self, error: object) -> None:
        """Note an error that no script caught."""
        self.complaints.append(str(error))

    def strangers(self, origin: str) -> list[str]:
        """Give the addresses that are neither of this origin nor data."""
        return [each for each in self.requests if not each.startswith((origin, "data:", "blob:"))]


@asynccontextmanager
async def visit(
    started: Browser,
    size: dict[str, int],
    *scripts: str,
    scheme: Literal["dark", "light"] = "light",
    **options: Any,
) -> AsyncIterator[Visit]:
    """Open a tab of its own; ``scripts`` run in it before those of any page."""
    context = await started.new_context(
        viewport={"width": size["width"], "height": size["height"]},
        color_scheme=scheme,
        reduced_motion="reduce",
        **options,
    )
    for script in scripts:
        await context.add_init_script(script)
    page = await context.new_page()
    page.set_default_timeout(_PATIENCE)
    seen = Visit(page)
    page.on("request", seen.asked)
    page.on("console", seen.heard)
    page.on("pageerror", seen.failed)
    try:
        yield seen
    finally:
        await context.close()


async def barriers(page: Page, axe: str) -> Sequence[str]:
    """Give what axe finds on a page that shuts people out."""
    await page.evaluate(axe)
    found = await page.evaluate("axe.run()")
    return [
        f"{each['id']}: {[node['html'] for node in each['nodes']]}"
        for each in found["violations"]
        if each["impact"] in _SERIOUS
    ]
