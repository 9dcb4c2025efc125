"""Buy one URL with the official x402 client for requests, and print what came back as a JSON line.

Usage: SECRET=<base58 key pair> python pay_requests.py URL RPC_URL [CAP]    (CAP like $5)
"""

# The SDK is not in the environment of the tests, only in its own.
# mypy: disable-error-code="import-not-found"

import json
import os
import sys

from x402 import x402ClientSync
from x402.http import decode_payment_response_header
from x402.http.clients import x402_requests
from x402.mechanisms.svm import KeypairSigner
from x402.mechanisms.svm.exact import register_exact_svm_client


def pay(url: str, rpc_url: str, secret: str, cap: str = "") -> dict[str, object]:
    """Ask for the URL; the client pays what is asked, within its default cap unless told."""
    payer = x402ClientSync()
    register_exact_svm_client(payer, KeypairSigner.from_base58(secret), rpc_url=rpc_url)
    if cap:
        payer.set_spend_controls({"max_amount_per_payment": cap})
    with x402_requests(payer) as session:
        response = session.get(url, timeout=30)
    receipt = response.headers.get("PAYMENT-RESPONSE")
    return {
        "status": response.status_code,
        "body": response.json(),
        "receipt": receipt and decode_payment_response_header(receipt).model_dump(by_alias=True),
    }


if __name__ == "__main__":
    url, rpc_url, *cap = sys.argv[1:]
    bought = pay(url, rpc_url, os.environ["SECRET"], *cap)
    print(json.dumps(bought))
