"""@solana/web3.js as a client of the sandbox's Solana endpoint."""

from pathlib import Path
from typing import Any

import pytest

from e2e.clients import run
from e2e.sandbox import Sandbox

_SOL = 10**9  # lamports
_FEE = 5_000  # lamports a signature


@pytest.fixture(params=["derived", "named"])
def told(request: pytest.FixtureRequest, sandbox: Sandbox, npm_scripts: Path) -> dict[str, Any]:
    """Run it with the PubSub address that it derives, and with the one that we name."""
    ends = [sandbox.rpc_url] if request.param == "derived" else [sandbox.rpc_url, sandbox.ws_url]
    return run(["node", npm_scripts / "web3_transfer.mjs", *ends])


class TestTransfer:
    def test_an_airdrop_and_a_transfer_are_confirmed_by_websocket(
        self, told: dict[str, Any]
    ) -> None:
        """confirmTransaction, signatureSubscribe, slotSubscribe and the balances agree."""
        assert told.pop("slot") > 0
        assert told == {
            "airdropError": None,
            "transferError": None,
            "noticeError": None,
            "buyer": _SOL - _FEE,
            "seller": _SOL,
            "fee": _FEE,
            "landedError": None,
        }
