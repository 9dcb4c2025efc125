"""Which version of the API a request asks for."""

import pytest

from tillway.entrypoints.http.middleware.version import negotiate


class TestNegotiate:
    @pytest.mark.parametrize(
        ("header", "accept", "version"),
        [
            (None, None, "v1"),
            (None, "*/*", "v1"),
            ("2", None, "v2"),
            ("V2", None, "v2"),
            (" v1 ", None, "v1"),
            (None, "application/vnd.cedros.v2+json", "v2"),
            (None, "text/html, application/vnd.cedros.V2+json;q=0.9", "v2"),
            (None, "application/json; version=2", "v2"),
            (None, 'application/json; Version="2"; q=1', "v2"),
            (None, "application/json;q=0.8", "v1"),
        ],
    )
    def test_each_way_of_asking_works(
        self, header: str | None, accept: str | None, version: str
    ) -> None:
        """X-API-Version, the vendor type, the parameter; names in any case."""
        assert negotiate(header, accept) == version

    def test_the_header_wins_over_accept_and_the_vendor_type_over_the_parameter(self) -> None:
        """The contract's precedence."""
        assert negotiate("1", "application/vnd.cedros.v2+json") == "v1"
        assert negotiate(None, "application/vnd.cedros.v1+json; version=2") == "v1"

    @pytest.mark.parametrize("header", ["", "3", "v", "two", "v2.1", "2" * 10_000])
    def test_an_unknown_name_counts_as_not_given(self, header: str) -> None:
        """Then Accept speaks, and without it v1 holds."""
        assert negotiate(header, None) == "v1"
        assert negotiate(header, "application/json; version=2") == "v2"

    @pytest.mark.parametrize("accept", ["vnd", "=", "version=", "application/vnd.cedros.+json"])
    def test_fragments_are_harmless(self, accept: str) -> None:
        """They are no versions."""
        assert negotiate(None, accept) == "v1"
