"""A sandbox that runs as a process, and other commands that look at its chain and store."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from attrs import frozen

from e2e.http_call import call
from support.command import SANDBOX, Done, running, tillway, write_settings


@frozen(kw_only=True)
class Place:
    """A sandbox whose chain and store other commands may look at, with one purchase made."""

    folder: Path
    sections: Mapping[str, Any]
    wallet: str
    signature: str

    def settings(self, folder: Path, **x402: object) -> Path:
        """Write settings of a gateway in the sandbox's place."""
        return write_settings(folder, self.sections, {"x402": x402})

    def run(self, *arguments: object, folder: Path) -> Done:
        """Run a command with the sandbox's sponsor wallet."""
        return tillway(*arguments, folder=folder, X402_SERVER_WALLET_1=self.wallet)


@contextmanager
def open_place(folder: Path) -> Iterator[Place]:
    """Run a sandbox, buy the article once, and give the place."""
    arguments = ("sandbox", "--port", 0, "--rpc-port", 0, "--stripe-port", 0, "--data-dir", "data")
    with running(*arguments, folder=folder, until=SANDBOX) as sandbox:
        url = f"http://127.0.0.1:{sandbox.port}"
        about = call(f"{url}/sandbox").json()
        bought = tillway("pay", f"{url}/paywall/demo-article", folder=folder)
        keys = yaml.safe_load((folder / "data" / "wallets.yaml").read_text())
        yield Place(
            folder=folder,
            wallet=keys["sponsor"],
            signature=json.loads(bought.out.splitlines()[-1])["signature"],
            sections={
                "storage": {"file_path": str(folder / "data" / "tillway.db")},
                "x402": {
                    "payment_address": about["merchant"],
                    "token_mint": about["mints"]["USDC"],
                    "network": "devnet",
                    "rpc_url": about["rpc_url"],
                    "gasless_enabled": True,
                },
                "paywall": {
                    "resources": {"mug": {"crypto_atomic_amount": 5, "fiat_amount_cents": 1}}
                },
            },
        )
