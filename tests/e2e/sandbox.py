"""`tillway sandbox` as a child process on free ports, seen from outside only."""

import itertools
import socket
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from attrs import field, frozen
from solders.pubkey import Pubkey

from e2e.http_call import call

_START: Final = 30  # seconds that a busy machine may take
_STOP: Final = 20  # seconds: a drain of 15, and some
_PAUSE: Final = 0.05  # seconds
_NUMBERS: Final = itertools.count(1)


@frozen(kw_only=True)
class Sandbox:
    """A running sandbox. Token amounts and lamports are whole minor units."""

    url: str
    rpc_url: str
    ws_url: str
    log: Path = field(repr=False)

    def fund(self, wallet: Pubkey, *, usdc: str = "", sol: str = "") -> None:
        """Give a wallet tokens and SOL, in decimals as people write them."""
        given = {"amount": usdc, "asset": "USDC"} if usdc else {}
        body = {"wallet": str(wallet), **given, **({"sol": sol} if sol else {})}
        answer = call(f"{self.url}/sandbox/fund", body)
        assert answer.status == 200, answer.content

    def rpc(self, method: str, *params: object) -> Any:
        """Give the result of one Solana JSON-RPC call."""
        request = {"jsonrpc": "2.0", "id": next(_NUMBERS), "method": method, "params": params}
        reply = call(self.rpc_url, request).json()
        assert "error" not in reply, reply
        return reply["result"]

    def tokens(self, owner: Pubkey, mint: Pubkey) -> int:
        """Add up what a wallet holds of a mint, over all its token accounts."""
        settings = {"encoding": "jsonParsed", "commitment": "confirmed"}
        found = self.rpc("getTokenAccountsByOwner", str(owner), {"mint": str(mint)}, settings)
        infos = [each["account"]["data"]["parsed"]["info"] for each in found["value"]]
        return sum(int(info["tokenAmount"]["amount"]) for info in infos)

    def lamports(self, owner: Pubkey) -> int:
        """Ask what a wallet holds in SOL."""
        settings = {"commitment": "confirmed"}
        return int(self.rpc("getBalance", str(owner), settings)["value"])

    def has_confirmed(self, signature: str) -> bool:
        """Tell whether the chain has confirmed a transaction, and without an error."""
        settings = {"searchTransactionHistory": True}
        (status,) = self.rpc("getSignatureStatuses", [signature], settings)["value"]
        sure = ("confirmed", "finalized")
        return status is not None and status["err"] is None and status["confirmationStatus"] in sure


@contextmanager
def running(folder: Path) -> Iterator[Sandbox]:
    """Run the installed command until the block ends; its output goes to a file in `folder`."""
    port, rpc_port = _free_ports()
    command = Path(sysconfig.get_path("scripts")) / "tillway"
    log = folder / "sandbox.log"
    options = ["--port", str(port), "--rpc-port", str(rpc_port), "--stripe-port", "0"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [command, "sandbox", *options],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield _ready(process, f"http://127.0.0.1:{port}", log)
    finally:
        _stop(process)


def _free_ports() -> tuple[int, int]:
    """Find a port for HTTP and one for RPC whose neighbour is free as well (PubSub goes there)."""
    while True:
        with closing(_bound(0)) as http, closing(_bound(0)) as rpc:
            port, rpc_port = http.getsockname()[1], rpc.getsockname()[1]
            if port == rpc_port + 1 or rpc_port == 65535:
                continue
            try:
                _bound(rpc_port + 1).close()
            except OSError:
                continue
            return port, rpc_port


def _bound(port: int) -> socket.socket:
    made = socket.socket()
    try:
        made.bind(("127.0.0.1", port))
    except OSError:
        made.close()
        raise
    return made


def _ready(process: subprocess.Popen[bytes], url: str, log: Path) -> Sandbox:
    until = time.monotonic() + _START
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"the sandbox left with {process.returncode}:\n{log.read_text()}")
        try:
            answer = call(f"{url}/sandbox")
        except OSError:
            time.sleep(_PAUSE)
            continue
        assert answer.status == 200, answer.content
        parts = answer.json()
        return Sandbox(url=url, rpc_url=parts["rpc_url"], ws_url=parts["ws_url"], log=log)
    raise RuntimeError(f"no answer within {_START} s:\n{log.read_text()}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise
