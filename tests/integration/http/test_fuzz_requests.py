"""No body, path, query or header makes the gateway fail, and no bytes that are hardly HTTP."""

import pytest
from hypothesis import given

from support.fuzz import inputs
from support.fuzz_bodies import all_bodies, large_bodies
from support.fuzz_requests import broken_http, requests
from support.http_corpus import CORPUS
from support.raw_http import Reply, request
from support.served import Gateway
from support.verdicts import SLOWEST, answered, check, check_error

LARGE = large_bodies()


class TestBodies:
    @inputs("bodies")
    @given(raw=all_bodies)
    def test_any(self, gateway: Gateway, raw: bytes) -> None:
        """JSON gone wrong, under every content type, encoding and framing, on every route."""
        answered(gateway.wire, raw)

    @pytest.mark.parametrize("name", list(LARGE))
    def test_large(self, gateway: Gateway, name: str) -> None:
        """As large as may be, or larger, and made to be slow."""
        reply = answered(gateway.wire, LARGE[name])

        expected = {"just fits": 402, "just fits in chunks": 402, "bomb": 413}
        assert reply.status == expected.get(name, 413 if "too long" in name else 400)


class TestRequests:
    @inputs("requests")
    @given(raw=requests)
    def test_any(self, gateway: Gateway, raw: bytes) -> None:
        """Any method, path, query, host and headers."""
        answered(gateway.wire, raw)

    def test_a_request_id_is_echoed_only_if_harmless(self, gateway: Gateway) -> None:
        """What could break a log line or a header is replaced."""
        asked = {b"mine-1": True, b"<script>": False, b"a" * 129: False, b"\xff": False}
        for given_id, echoed in asked.items():
            headers = [(b"X-Request-ID", given_id)]
            reply = answered(gateway.wire, request(b"GET", b"/cedros-health", headers))
            assert (reply.header("X-Request-ID") == given_id.decode("latin-1")) is echoed


class TestHardlyHttp:
    """Bytes on the wire, over connections of their own.

    What the parser refuses is answered as all errors are, with 400, or 413 if it is too long.
    """

    @pytest.mark.parametrize("name", list(CORPUS))
    def test_the_corpus(self, gateway: Gateway, name: str) -> None:
        """Each is refused or understood in one way only."""
        for reply in thrown(gateway, CORPUS[name]):
            check(reply)
            assert b"http_request" not in reply.body, "a hidden request was answered"

    @inputs("broken HTTP")
    @given(raw=broken_http)
    def test_any(self, gateway: Gateway, raw: bytes) -> None:
        """Requests damaged, and requests glued together."""
        for reply in thrown(gateway, raw):
            check(reply)

    @pytest.mark.parametrize(
        ("name", "status", "code"),
        [
            ("TLS", 400, "invalid_field"),
            ("both lengths", 400, "invalid_field"),
            ("a header too long", 413, "payload_too_large"),
            ("a long path", 413, "payload_too_large"),
            ("too many headers", 400, "invalid_field"),
            ("an unknown expectation", 400, "invalid_field"),
        ],
    )
    def test_what_is_no_http_has_the_envelope(
        self, gateway: Gateway, name: str, status: int, code: str
    ) -> None:
        """The parser's refusals look like all others, and end the connection."""
        (reply,) = thrown(gateway, CORPUS[name])

        assert reply.status == status
        assert check_error(reply)["code"] == code

    def test_the_gateway_still_answers(self, gateway: Gateway) -> None:
        """Connections that are left half open keep nobody waiting."""
        assert answered(gateway.wire, request(b"GET", b"/paywall/article")).status == 402


def thrown(gateway: Gateway, raw: bytes) -> list[Reply]:
    """Throw bytes at the gateway; what is answered is answered in time."""
    replies = gateway.wire.throw(raw)
    if any(reply.seconds >= SLOWEST for reply in replies):
        replies = gateway.wire.throw(raw)
    assert all(reply.seconds < SLOWEST for reply in replies)
    return replies
