"""A buyer of the Cedros dialect (x402Version 0), as the Cedros React SDK pays.

He asks for a quote by POST, and shows the signed transaction in X-PAYMENT by POST. Paying
for himself he sends a legacy transaction of a plain SPL Transfer and a memo; gasless, he
signs the one that the gateway has built. Every submission has an Idempotency-Key of its own.
"""

import base64
import json
import struct
import uuid
from typing import Any, Final

from attrs import frozen
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.message import Message, to_bytes_versioned
from solders.pubkey import Pubkey
from solders.token import ID as TOKEN_PROGRAM
from solders.token.associated import get_associated_token_address
from solders.transaction import VersionedTransaction

from e2e.http_call import Answer, call
from e2e.sandbox import Sandbox

_MEMO: Final = Pubkey.from_string("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr")
_TRANSFER: Final = 3

Requirement = dict[str, Any]


@frozen(kw_only=True)
class Proof:
    """What X-PAYMENT holds. A stock SDK sends it as base64, the contract takes bare JSON too."""

    content: dict[str, Any]

    def header(self, *, bare: bool = False) -> str:
        """Write the value of X-PAYMENT."""
        text = json.dumps(self.content)
        return text if bare else base64.b64encode(text.encode()).decode()


@frozen(kw_only=True)
class CedrosBuyer:
    """A wallet that buys from a sandbox's gateway."""

    sandbox: Sandbox
    wallet: Keypair

    def quote(self, resource: str) -> Answer:
        """Ask for the price."""
        asked = {"resource": resource, "couponCode": None}
        return call(f"{self.sandbox.url}/paywall/v1/quote", asked)

    def self_paid(self, requirement: Requirement) -> Proof:
        """Sign a transaction of the buyer's own, whose fee he pays."""
        settings = {"commitment": "confirmed"}
        latest = self.sandbox.rpc("getLatestBlockhash", settings)["value"]["blockhash"]
        instructions, payer = self._instructions(requirement), self.wallet.pubkey()
        message = Message.new_with_blockhash(instructions, payer, Hash.from_string(latest))
        signed = VersionedTransaction(message, [self.wallet])
        extra = requirement["extra"]
        return self._proof(
            requirement,
            signature=str(signed.signatures[0]),
            transaction=_encoded(signed),
            payer=str(payer),
            memo=extra["memo"],
            recipientTokenAccount=extra["recipientTokenAccount"],
        )

    def _instructions(self, requirement: Requirement) -> list[Instruction]:
        owner, extra = self.wallet.pubkey(), requirement["extra"]
        source = get_associated_token_address(owner, Pubkey.from_string(requirement["asset"]))
        target = Pubkey.from_string(extra["recipientTokenAccount"])
        accounts = [
            AccountMeta(source, is_signer=False, is_writable=True),
            AccountMeta(target, is_signer=False, is_writable=True),
            AccountMeta(owner, is_signer=True, is_writable=False),
        ]
        data = struct.pack("<BQ", _TRANSFER, int(requirement["maxAmountRequired"]))
        memo = extra["memo"].encode()
        return [Instruction(TOKEN_PROGRAM, data, accounts), Instruction(_MEMO, memo, [])]

    def build_gasless(self, requirement: Requirement) -> Answer:
        """Have the gateway build the transaction whose fee it will pay."""
        asked = {
            "resourceId": requirement["resource"],
            "userWallet": str(self.wallet.pubkey()),
            "feePayer": requirement["extra"]["feePayer"],
        }
        return call(f"{self.sandbox.url}/paywall/v1/gasless-transaction", asked)

    def gasless(self, requirement: Requirement, transaction: str) -> Proof:
        """Sign the gateway's transaction as the transfer's authority."""
        built = VersionedTransaction.from_bytes(base64.b64decode(transaction))
        place = list(built.message.account_keys).index(self.wallet.pubkey())
        signatures = list(built.signatures)
        signatures[place] = self.wallet.sign_message(to_bytes_versioned(built.message))
        signed = VersionedTransaction.populate(built.message, signatures)
        return self._proof(
            requirement,
            signature="",
            transaction=_encoded(signed),
            feePayer=requirement["extra"]["feePayer"],
        )

    def _proof(self, requirement: Requirement, **payload: str) -> Proof:
        purchase = {"resource": requirement["resource"], "resourceType": "regular", "metadata": {}}
        return Proof(
            content={
                "x402Version": 0,
                "scheme": requirement["scheme"],
                "network": requirement["network"],
                "payload": {**payload, **purchase},
            }
        )

    def submit(self, proof: Proof, *, bare: bool = False) -> Answer:
        """Show the proof; the body is empty."""
        headers = {"X-PAYMENT": proof.header(bare=bare), "Idempotency-Key": str(uuid.uuid4())}
        return call(f"{self.sandbox.url}/paywall/v1/verify", headers=headers, method="POST")


def _encoded(transaction: VersionedTransaction) -> str:
    return base64.b64encode(bytes(transaction)).decode()


def receipt(answer: Answer) -> dict[str, Any]:
    """Decode X-PAYMENT-RESPONSE."""
    read: dict[str, Any] = json.loads(base64.b64decode(answer.headers["X-PAYMENT-RESPONSE"]))
    return read
