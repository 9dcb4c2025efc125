"""What logs may show of people and things."""

import pytest

from tillway.core.redaction import redacted_address, redacted_email, redacted_resource


class TestRedaction:
    @pytest.mark.parametrize(
        ("address", "shown"),
        [
            ("4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU", "4zMMC9sr...ncDU"),
            ("1234567890123", "12345678...0123"),
            ("123456789012", "123456789012"),
            ("", ""),
        ],
    )
    def test_an_address_keeps_its_ends(self, address: str, shown: str) -> None:
        """As the reference's logs do."""
        assert redacted_address(address) == shown

    @pytest.mark.parametrize(
        ("email", "shown"),
        [
            ("alice@example.com", "al***@example.com"),
            ("a@example.com", "a***@example.com"),
            ('"x@y"@example.com', '"x***@example.com'),
            ("no address", "***"),
            ("", "***"),
        ],
    )
    def test_an_email_keeps_two_characters_and_its_domain(self, email: str, shown: str) -> None:
        """What is no address shows nothing."""
        assert redacted_email(email) == shown

    def test_a_resource_becomes_a_short_hash(self) -> None:
        """Equal ids give equal texts."""
        assert redacted_resource("article") == redacted_resource("article")
        assert redacted_resource("article") != redacted_resource("book")
        assert len(redacted_resource("\udcff")) == 16
