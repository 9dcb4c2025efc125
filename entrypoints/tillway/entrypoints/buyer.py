"""A buyer of x402 v2 resources: what ``tillway pay`` does, step by step."""

import base64
import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import orjson
from attrs import define, frozen
from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.message import MessageV0, to_bytes_versioned
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

ASSOCIATED_TOKEN: Final = Pubkey.from_string("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL")
MEMO: Final = Pubkey.from_string("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr")
_UNITS, _UNIT_PRICE = 20_000, 1
_TRANSFER_CHECKED = 12
_DECIMALS_AT = 44


class CannotPay(Exception):
    """The purchase was not made; the message says why."""


@frozen(kw_only=True)
class Challenge:
    """A 402 of version 2, and the offer that this buyer takes."""

    url: str
    resource: Mapping[str, Any]
    offer: Mapping[str, Any]

    @property
    def amount(self) -> int:
        """The price in the asset's smallest units."""
        return int(self.offer["amount"])


@frozen(kw_only=True)
class Receipt:
    """How the seller answered a payment."""

    status: int
    body: str
    settlement: Mapping[str, Any]


@frozen(kw_only=True)
class Token:
    """What a buyer must know of a mint."""

    program: Pubkey
    decimals: int


@define
class Buyer:
    """Buys with one session; every verb is one step and can be shown."""

    http: aiohttp.ClientSession

    async def challenge(self, url: str) -> Challenge | Receipt:
        """Ask for the resource; a Receipt if it is not to be paid.

        Raises CannotPay if there is no offer of version 2 on Solana.
        """
        async with self.http.get(url) as response:
            header, text = response.headers.get("PAYMENT-REQUIRED"), await response.text()
            if response.status != 402:
                return Receipt(status=response.status, body=text, settlement={})
        if header is None:
            raise CannotPay("the seller makes no offer of x402 version 2")
        required = orjson.loads(base64.b64decode(header))
        offers: Sequence[Mapping[str, Any]] = required["accepts"]
        offer = next((one for one in offers if one["network"].startswith("solana:")), None)
        if offer is None:
            raise CannotPay("the seller makes no offer on Solana")
        return Challenge(url=url, resource=required.get("resource") or {}, offer=offer)

    async def sandbox(self, url: str) -> Mapping[str, Any] | None:
        """Ask the URL's origin whether it is a sandbox, and for its parts."""
        async with self.http.get(f"{origin_of(url)}/sandbox") as response:
            return await response.json() if response.status == 200 else None

    async def fund(self, url: str, wallet: Pubkey, amount: str) -> None:
        """Have the sandbox give a wallet some USDC."""
        body = {"wallet": str(wallet), "amount": amount, "asset": "USDC"}
        async with self.http.post(f"{origin_of(url)}/sandbox/fund", json=body) as response:
            if response.status != 200:
                raise CannotPay(f"the sandbox does not fund wallets: {await response.text()}")

    async def token(self, rpc_url: str, mint: str) -> Token:
        """Ask a node for the mint's program and decimals."""
        found = await self._rpc(rpc_url, "getAccountInfo", [mint, {"encoding": "base64"}])
        if found["value"] is None:
            raise CannotPay(f"there is no mint {mint} on this chain")
        data = base64.b64decode(found["value"]["data"][0])
        program = Pubkey.from_string(found["value"]["owner"])
        return Token(program=program, decimals=data[_DECIMALS_AT])

    async def blockhash(self, rpc_url: str) -> Hash:
        """Ask a node for a recent blockhash."""
        found = await self._rpc(rpc_url, "getLatestBlockhash", [{"commitment": "confirmed"}])
        return Hash.from_string(found["value"]["blockhash"])

    async def pay(self, challenge: Challenge, transaction: bytes) -> Receipt:
        """Present the signed transaction and give the seller's answer."""
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
                settlement=orjson.loads(base64.b64decode(settled)) if settled else {},
            )

    async def _rpc(self, url: str, method: str, params: list[object]) -> Any:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        async with self.http.post(url, json=body) as response:
            answer = await response.json()
        if "result" not in answer:
            raise CannotPay(f"the node refuses {method}: {answer.get('error')}")
        return answer["result"]


def origin_of(url: str) -> str:
    """Give scheme and host of a URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def sign_payment(challenge: Challenge, token: Token, blockhash: Hash, payer: Keypair) -> bytes:
    """Write and sign the transaction that an exact offer on Solana asks for.

    The layout is that of the official clients: unit limit, unit price, TransferChecked, Memo.
    The fee payer's signature is left out, for the seller to add.
    """
    offer = challenge.offer
    extra: Mapping[str, Any] = offer.get("extra") or {}
    sponsor = Pubkey.from_string(extra["feePayer"])
    instructions = [
        set_compute_unit_limit(_UNITS),
        set_compute_unit_price(_UNIT_PRICE),
        _transfer(offer, token, payer.pubkey()),
        Instruction(MEMO, str(extra.get("memo", "")).encode(), []),
    ]
    message = MessageV0.try_compile(sponsor, instructions, [], blockhash)
    signature = payer.sign_message(to_bytes_versioned(message))
    return bytes(VersionedTransaction.populate(message, [Signature.default(), signature]))


def _transfer(offer: Mapping[str, Any], token: Token, payer: Pubkey) -> Instruction:
    mint = Pubkey.from_string(offer["asset"])
    source = _account(payer, mint, token.program)
    destination = _account(Pubkey.from_string(offer["payTo"]), mint, token.program)
    data = struct.pack("<BQB", _TRANSFER_CHECKED, int(offer["amount"]), token.decimals)
    accounts = [
        AccountMeta(source, is_signer=False, is_writable=True),
        AccountMeta(mint, is_signer=False, is_writable=False),
        AccountMeta(destination, is_signer=False, is_writable=True),
        AccountMeta(payer, is_signer=True, is_writable=False),
    ]
    return Instruction(token.program, data, accounts)


def _account(owner: Pubkey, mint: Pubkey, program: Pubkey) -> Pubkey:
    seeds = [bytes(owner), bytes(program), bytes(mint)]
    return Pubkey.find_program_address(seeds, ASSOCIATED_TOKEN)[0]
