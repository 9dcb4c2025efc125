"""The gateway as it is run: ``tillway serve`` in a process of its own, on a free port."""

import re
import sysconfig
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import yaml
from attrs import frozen

from bench.child import Broke, Child, running
from bench.wallets import PRICE, RESOURCE, merchant, sponsor
from tillway.entrypoints.sandbox.chain import STABLECOINS

COMMAND: Final = Path(sysconfig.get_path("scripts")) / "tillway"
ENVIRONMENT: Final[Mapping[str, str]] = {"X402_SERVER_WALLET_1": str(sponsor())}
_ADDRESS: Final = re.compile(r"listens on http://127\.0\.0\.1:([0-9]+)")
_LAMPORTS_PER_HOUR: Final = 10**12


@frozen
class Gateway:
    """A gateway that answers."""

    child: Child
    port: int

    @property
    def pid(self) -> int:
        """Its process."""
        return self.child.pid


@contextmanager
def serving(folder: Path, node: Mapping[str, str], backend: str) -> Iterator[Gateway]:
    """Serve a gateway over a node until the block ends."""
    file = settings_file(folder, node, backend)
    command: list[str | Path] = [COMMAND, "serve", "--config", file]
    with running(command, folder, f"gateway-{backend}", ENVIRONMENT) as child:
        yield Gateway(child, port_in(child.line()))


def port_in(line: str) -> int:
    """Read where it listens. Raises Broke for any other line."""
    found = _ADDRESS.search(line)
    if found is None:
        raise Broke(f"the gateway said: {line!r}")
    return int(found[1])


def settings_file(folder: Path, node: Mapping[str, str], backend: str) -> Path:
    """Write settings as of a gateway at work, but for production refusing the memory store."""
    file = folder / f"{backend}.yaml"
    file.write_text(yaml.safe_dump(settings(folder, node, backend)))
    return file


def settings(folder: Path, node: Mapping[str, str], backend: str) -> dict[str, Any]:
    """Give the settings. Sponsoring has no limit here that a benchmark could reach."""
    return {
        "server": {"address": "127.0.0.1:0"},
        "logging": {"environment": "staging", "level": "warn"},
        "storage": {"backend": backend, "file_path": str(folder / f"{backend}.db")},
        "x402": {
            "payment_address": str(merchant().pubkey()),
            "token_mint": str(STABLECOINS["devnet"][0].mint),
            "network": "devnet",
            "rpc_url": node["rpc_url"],
            "ws_url": node["ws_url"],
            "gasless_enabled": True,
            "sponsor": {"lamports_per_hour": _LAMPORTS_PER_HOUR},
        },
        "paywall": {
            "resources": {
                RESOURCE: {
                    "description": "An article about payments",
                    "crypto_atomic_amount": PRICE,
                    "crypto_token": "USDC",
                }
            }
        },
    }
