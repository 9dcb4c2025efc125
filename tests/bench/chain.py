"""A child process: the sandbox's chain with funded wallets, as far away as it is told.

``python -m bench.chain LATENCY_MS CONFIRM_MS``. Every JSON-RPC call waits for the latency before
it is carried out; a transaction is confirmed that long after it has landed.
"""

import asyncio
import json
import sys
import time

import uvloop
from solders.pubkey import Pubkey

from bench.wallets import BALANCE, BUYERS, buyer, merchant, sponsor
from tillway.entrypoints.sandbox.chain import STABLECOINS, Chain, Faults, fund, serve_chain

_MINT = STABLECOINS["devnet"][0].mint
_LAMPORTS = 10**15


def funded_chain(confirm_ms: int) -> Chain:
    """Make a chain on which everybody has money."""
    chain = Chain(clock=time.time, confirm_delay_ms=confirm_ms)
    fund(chain, merchant().pubkey(), _MINT)
    fund(chain, sponsor().pubkey(), lamports=_LAMPORTS)
    for number in range(BUYERS):
        fund(chain, _address(number), _MINT, BALANCE)
    return chain


def _address(number: int) -> Pubkey:
    return buyer(number).pubkey()


async def serve(latency_ms: float, confirm_ms: int) -> None:
    """Serve until stopped, and tell where."""
    faults = Faults(latency_ms={"*": latency_ms})
    async with serve_chain(funded_chain(confirm_ms), faults=faults) as node:
        print(json.dumps({"rpc_url": node.rpc_url, "ws_url": node.ws_url}), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(float(sys.argv[1]), int(sys.argv[2])))
