"""Buy by voucher: ``python buy.py http://127.0.0.1:8080/paywall/mug CODE``."""

import base64
import json
import sys
from urllib.error import HTTPError
from urllib.request import Request, urlopen


def offer_at(url: str) -> object:
    """Ask without paying, and pick the offer for vouchers."""
    try:
        urlopen(url)
    except HTTPError as asked:
        required = json.loads(base64.b64decode(asked.headers["PAYMENT-REQUIRED"]))
        return next(each for each in required["accepts"] if each["scheme"] == "voucher")
    raise SystemExit("it costs nothing")


def buy(url: str, code: str) -> None:
    """Ask again, with the voucher, and print the answer."""
    payment = {"x402Version": 2, "accepted": offer_at(url), "payload": {"code": code}}
    header = base64.b64encode(json.dumps(payment).encode()).decode()
    try:
        answer = urlopen(Request(url, headers={"PAYMENT-SIGNATURE": header}))
    except HTTPError as refused:
        answer = refused
    print(answer.status, answer.read().decode())


buy(*sys.argv[1:])
