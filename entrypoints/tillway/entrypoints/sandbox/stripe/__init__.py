"""A Stripe account in test mode: its API, hosted pages and webhooks, for the unmodified SDK."""

from tillway.entrypoints.sandbox.stripe.account import CURRENT, SECRET_KEY, Account
from tillway.entrypoints.sandbox.stripe.faults import Fault, Faults, Kind
from tillway.entrypoints.sandbox.stripe.serve import Served, serve_stripe
from tillway.entrypoints.sandbox.stripe.snapshot import BadAccount, dump, load, save
from tillway.entrypoints.sandbox.stripe.switches import Switches
from tillway.entrypoints.sandbox.stripe.webhooks import Endpoint, Trouble, signature

__all__ = [
    "CURRENT",
    "SECRET_KEY",
    "Account",
    "BadAccount",
    "Endpoint",
    "Fault",
    "Faults",
    "Kind",
    "Served",
    "Switches",
    "Trouble",
    "dump",
    "load",
    "save",
    "serve_stripe",
    "signature",
]
