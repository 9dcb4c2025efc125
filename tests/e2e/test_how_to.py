"""The how-to's scripts do what it says, as they stand there."""

import re
from pathlib import Path
from typing import Final

import pytest

from e2e import clients
from e2e.sandbox import Sandbox

_PAGE: Final = clients.HERE.parents[1] / "docs" / "how-to" / "pay-with-official-clients.md"
_SCRIPT: Final = re.compile(r"```\w+\n(?:#|//) (?P<name>[\w.-]+)\n(?P<code>.*?)```", re.DOTALL)
_GRANTED: Final = re.compile(r"^200 .*granted['\"]?: [Tt]rue", re.DOTALL)


def script(name: str) -> str:
    return {found["name"]: found["code"] for found in _SCRIPT.finditer(_PAGE.read_text())}[name]


class TestPayWithOfficialClients:
    def test_the_python_script_buys_the_article(
        self, sandbox: Sandbox, python_clients: Path, tmp_path: Path
    ) -> None:
        """pay.py prints 200 and the grant."""
        path = tmp_path / "pay.py"
        path.write_text(script("pay.py"))
        assert _GRANTED.match(clients.printed([python_clients, path], SANDBOX=sandbox.url))

    @pytest.mark.parametrize("name", ["pay.mjs", "pay-legacy.mjs"])
    def test_the_javascript_buys_the_article(
        self, name: str, sandbox: Sandbox, npm_scripts: Path
    ) -> None:
        """The script prints 200 and the grant."""
        path = npm_scripts / name
        path.write_text(script(name))
        assert _GRANTED.match(clients.printed(["node", path], SANDBOX=sandbox.url))
