"""Quotes that only the gateway can make."""

from typing import Protocol

from tillway.core.quotes import Authenticator, Quote
from tillway.core.tenancy import Tenant


class Seals(Protocol):
    """Seal quotes and vouch for them.

    All verbs are pure. Keys are derived per tenant, so that nothing sealed for one tenant
    opens for another. A retired key opens what it sealed until the longest-lived quote and
    the permitted clock skew are over, and seals nothing.
    """

    def seal(self, quote: Quote) -> str:
        """Give the sealed quote: text that is safe in JSON and in headers."""
        ...

    def open(self, sealed: str, tenant: Tenant) -> Quote:
        """Give back what was sealed for this tenant, expired or not.

        Raises Declined (invalid_payment_proof) for anything else.
        """
        ...

    def authenticate(self, quote: Quote) -> Authenticator:
        """Give the short form that vouches for the quote's terms."""
        ...

    def vouches(self, authenticator: Authenticator, quote: Quote) -> bool:
        """Tell whether the authenticator was made for exactly these terms."""
        ...
