"""What is too little to be paid on a provider's page: said before anybody is asked for it."""

from tillway.core.errors import Code, Declined
from tillway.core.money import Money
from tillway.core.ports.hosting import HostsCheckout
from tillway.core.ports.least import KnowsLeast


def too_little(rail: HostsCheckout, amount: Money | None) -> Declined | None:
    """Say why an amount cannot be charged; None if it can be, or only the provider can tell.

    Nothing is no charge, and so is not too little.
    """
    if amount is None or amount.minor == 0 or not isinstance(rail, KnowsLeast):
        return None
    least = rail.least(amount.asset)
    if least is None or amount.minor >= least.minor:
        return None
    text = f"The amount is too small to be paid by card: {least} is the least."
    details = {"amount": str(amount), "least": str(least)}
    return Declined(Code.INVALID_AMOUNT, text, details=details)
