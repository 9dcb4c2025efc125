"""What happens by the clock alone."""

from collections.abc import Callable, Mapping
from typing import Final

from tillway.entrypoints.sandbox.stripe.account import Account
from tillway.entrypoints.sandbox.stripe.buying import settle
from tillway.entrypoints.sandbox.stripe.sessions import expire
from tillway.entrypoints.sandbox.stripe.subscriptions import collect, renew
from tillway.entrypoints.sandbox.stripe.wire import Json


def catch_up(account: Account) -> None:
    """Do everything whose time has come, each as of its own time, in order."""
    now = account.now()
    while (due := account.agenda.due(now)) is not None:
        at, _, task, id = due  # noqa: A001  # Stripe's word
        kind, does = _TASKS[task]
        found = account.shelves.get(kind, id)
        if found is not None:
            with account.at(at):
                does(account, found, at)


def _expire_session(account: Account, session: Json, at: int) -> None:
    if session["status"] == "open" and session["expires_at"] <= at:
        expire(account, session)


def _settle_session(account: Account, session: Json, at: int) -> None:
    del at
    settle(account, session, paid=True)


def _warn_of_trial_end(account: Account, made: Json, at: int) -> None:
    del at
    if made["status"] == "trialing":
        account.tell("customer.subscription.trial_will_end", made)


def _retry_invoice(account: Account, issued: Json, at: int) -> None:
    made = account.shelves.get("subscription", issued["_subscription"])
    if made is None or made["status"] == "canceled":
        return
    if issued["status"] == "open" and issued["next_payment_attempt"] == at:
        collect(account, made, issued)


_TASKS: Final[Mapping[str, tuple[str, Callable[[Account, Json, int], None]]]] = {
    "expire_session": ("checkout.session", _expire_session),
    "settle_session": ("checkout.session", _settle_session),
    "renew": ("subscription", renew),
    "warn_of_trial_end": ("subscription", _warn_of_trial_end),
    "retry_invoice": ("invoice", _retry_invoice),
}
