"""Names of people and things as logs may show them: enough to recognise, too little to use."""

import hashlib
from typing import Final

LONGEST_SHOWN: Final = 12


def redacted_address(address: str) -> str:
    """Shorten a wallet's address to its first 8 and last 4 characters; short ones stay."""
    if len(address) <= LONGEST_SHOWN:
        return address
    return f"{address[:8]}...{address[-4:]}"


def redacted_email(email: str) -> str:
    """Keep two characters of the local part and the domain; what is no address is hidden whole."""
    local, at, domain = email.rpartition("@")
    return f"{local[:2]}***@{domain}" if at else "***"


def redacted_resource(resource: str) -> str:
    """Give 16 hex digits of the id's SHA-256, so that equal ids can be told apart from others."""
    return hashlib.sha256(resource.encode("utf-8", "surrogatepass")).hexdigest()[:16]
