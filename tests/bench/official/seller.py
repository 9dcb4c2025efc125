"""A shop that takes payments with the official Python facilitator, as fast as that one goes.

Usage: SECRET=<base58 key pair> python seller.py RPC_URL PAY_TO MINT AMOUNT

The facilitator's calls block, so that each connection has a thread of its own; in its own async
middleware they would hold up the event loop, and payments would go one after the other. As in
that middleware a payment is verified, then settled.
"""

# The SDK is not in the environment of the tests, only in its own.
# mypy: disable-error-code="import-not-found"

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from solders.keypair import Keypair
from x402 import x402FacilitatorSync
from x402.http.utils import (
    decode_payment_signature_header,
    encode_payment_required_header,
    encode_payment_response_header,
)
from x402.mechanisms.svm import FacilitatorKeypairSigner
from x402.mechanisms.svm.exact.register import register_exact_svm_facilitator
from x402.schemas import PaymentRequired, PaymentRequirements

NETWORK = "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1"
GRANT = json.dumps({"granted": True}).encode()


class Seller(ThreadingHTTPServer):
    """One thing for sale, to so many buyers at once as there are connections."""

    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, secret: str, rpc_url: str, pay_to: str, mint: str, amount: str) -> None:
        super().__init__(("127.0.0.1", 0), Buyer)
        sponsor = Keypair.from_base58_string(secret)
        self.facilitator = x402FacilitatorSync()
        signer = FacilitatorKeypairSigner(sponsor, rpc_url)
        register_exact_svm_facilitator(self.facilitator, signer, NETWORK)
        self.requirements = PaymentRequirements(
            scheme="exact",
            network=NETWORK,
            asset=mint,
            amount=amount,
            pay_to=pay_to,
            max_timeout_seconds=300,
            extra={"feePayer": str(sponsor.pubkey())},
        )


class Buyer(BaseHTTPRequestHandler):
    """One connection of a buyer's, which is kept."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Seller

    def do_GET(self) -> None:
        """Offer, or take what was offered."""
        header = self.headers.get("PAYMENT-SIGNATURE")
        if not header:
            offer = PaymentRequired(accepts=[self.server.requirements])
            self._answer(402, b"{}", "PAYMENT-REQUIRED", encode_payment_required_header(offer))
            return
        payload = decode_payment_signature_header(header)
        verified = self.server.facilitator.verify(payload, self.server.requirements)
        if not verified.is_valid:
            self._answer(402, str(verified.invalid_reason).encode())
            return
        settled = self.server.facilitator.settle(payload, self.server.requirements)
        if settled.success:
            receipt = encode_payment_response_header(settled)
            self._answer(200, GRANT, "PAYMENT-RESPONSE", receipt)
        else:
            self._answer(402, str(settled.error_reason).encode())

    def _answer(self, status: int, body: bytes, *header: str) -> None:
        self.send_response(status)
        if header:
            self.send_header(*header)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Say nothing of answers."""


if __name__ == "__main__":
    seller = Seller(os.environ["SECRET"], *sys.argv[1:5])
    print(json.dumps({"port": seller.server_address[1]}), flush=True)
    seller.serve_forever()
