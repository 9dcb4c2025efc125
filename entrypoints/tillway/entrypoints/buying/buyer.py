"""A buyer with one HTTP session, whose verbs are the steps of a purchase."""

import base64
from collections.abc import Mapping
from typing import Any, Final

import aiohttp
import orjson
from attrs import define
from solders.hash import Hash
from solders.pubkey import Pubkey

from tillway.entrypoints.buying.signing import Token
from tillway.entrypoints.buying.words import (
    CannotPay,
    Challenge,
    Receipt,
    challenge_in,
    decoded,
    origin_of,
)

_DECIMALS_AT: Final = 44
_MINT_BYTES: Final = 82
_LARGEST_HEADER: Final = 64 * 1024


def session() -> aiohttp.ClientSession:
    """Make a session that takes headers as long as offers are."""
    return aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=90, sock_connect=10),
        max_field_size=_LARGEST_HEADER,
        max_line_size=_LARGEST_HEADER,
    )


@define
class Buyer:
    """Buys with one session; every verb is one step and can be shown.

    All raise CannotPay for answers that make no sense, and what aiohttp raises for none.
    """

    http: aiohttp.ClientSession

    async def challenge(self, url: str) -> Challenge | Receipt:
        """Ask for the resource; a Receipt if it is not to be paid.

        Raises CannotPay if there is no offer of version 2 on Solana.
        """
        origin_of(url)
        async with self.http.get(url) as response:
            if response.status != 402:
                return Receipt(status=response.status, body=await response.text())
            return challenge_in(url, response.headers.get("PAYMENT-REQUIRED"))

    async def sandbox(self, url: str) -> Mapping[str, Any] | None:
        """Ask the URL's origin whether it is a sandbox, and for its parts."""
        async with self.http.get(f"{origin_of(url)}/sandbox") as response:
            return _object(await response.read()) if response.status == 200 else None

    async def fund(self, url: str, wallet: Pubkey, amount: str, asset: str) -> None:
        """Have the sandbox give a wallet some of an asset."""
        body = {"wallet": str(wallet), "amount": amount, "asset": asset}
        async with self.http.post(f"{origin_of(url)}/sandbox/fund", json=body) as response:
            if response.status != 200:
                raise CannotPay(f"the sandbox does not fund wallets: {await response.text()}")

    async def token(self, rpc_url: str, mint: str) -> Token:
        """Ask a node for the mint's program and decimals."""
        found = await self._rpc(rpc_url, "getAccountInfo", [mint, {"encoding": "base64"}])
        if found["value"] is None:
            raise CannotPay(f"there is no mint {mint} on this node's chain")
        data = base64.b64decode(found["value"]["data"][0])
        if len(data) < _MINT_BYTES:
            raise CannotPay(f"{mint} is no mint")
        program = Pubkey.from_string(found["value"]["owner"])
        return Token(program=program, decimals=data[_DECIMALS_AT])

    async def blockhash(self, rpc_url: str) -> Hash:
        """Ask a node for a recent blockhash."""
        found = await self._rpc(rpc_url, "getLatestBlockhash", [{"commitment": "confirmed"}])
        return Hash.from_string(found["value"]["blockhash"])

    async def pay(self, challenge: Challenge, transaction: bytes) -> Receipt:
        """Present the signed transaction and give the seller's answer. A repeat pays nothing."""
        payment = {
            "x402Version": 2,
            "resource": challenge.resource,
            "accepted": challenge.offer,
            "payload": {"transaction": base64.b64encode(transaction).decode()},
        }
        headers = {"PAYMENT-SIGNATURE": base64.b64encode(orjson.dumps(payment)).decode()}
        async with self.http.get(challenge.url, headers=headers) as response:
            settled = response.headers.get("PAYMENT-RESPONSE")
            return Receipt(
                status=response.status,
                body=await response.text(),
                settlement=decoded(settled, "PAYMENT-RESPONSE") if settled else {},
                retry_after=_seconds(response.headers.get("Retry-After", "")),
            )

    async def _rpc(self, url: str, method: str, params: list[object]) -> Any:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        async with self.http.post(url, json=body) as response:
            answer = _object(await response.read())
        if "result" not in answer:
            raise CannotPay(f"the node refuses {method}: {answer.get('error')}")
        return answer["result"]


def _object(raw: bytes) -> Mapping[str, Any]:
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, Mapping):
        raise CannotPay("the answer is no JSON object")
    return found


def _seconds(text: str) -> float:
    return min(float(text), 30.0) if text.isascii() and text.isdecimal() else 2.0
