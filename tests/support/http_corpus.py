"""Requests that are no HTTP, or two kinds of HTTP at once, each with its name."""

from collections.abc import Mapping
from typing import Final

from support.raw_http import chunked

_QUOTE: Final = b"POST /paywall/v1/quote HTTP/1.1\r\nHost: a\r\n"
_PAYWALL: Final = b"GET /paywall/article HTTP/1.1\r\n"
_BODY: Final = b'{"resource":"article"}'
_HIDDEN: Final = b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"
_CHUNKED: Final = b"Transfer-Encoding: chunked\r\n"


def _numbered(count: int) -> bytes:
    return b"".join(b"X%d: a\r\n" % number for number in range(count))


CORPUS: Final[Mapping[str, bytes]] = {
    # The first line.
    "zeros": bytes(64),
    "a line break": b"\r\n",
    "many line breaks": b"\r\n" * 2_000,
    "TLS": bytes.fromhex("16030100c8010000c40303") + bytes(200),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9),
    "another version": b"GET /paywall/article HTTP/9.9\r\nHost: a\r\n\r\n",
    "version 2.0": b"GET /paywall/article HTTP/2.0\r\nHost: a\r\n\r\n",
    "no version": b"GET /paywall/article\r\n\r\n",
    "a lower-case protocol": b"GET /paywall/article http/1.1\r\nHost: a\r\n\r\n",
    "a tag as method": b"G<b>T / HTTP/1.1\r\nHost: a\r\n\r\n",
    "a lower-case method": b"get /paywall/article HTTP/1.1\r\nHost: a\r\n\r\n",
    "no path": b"GET  HTTP/1.1\r\nHost: a\r\n\r\n",
    "blanks in the path": b"GET /paywall/a b c HTTP/1.1\r\nHost: a\r\n\r\n",
    "bytes in the path": b"GET /paywall/\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n",
    "a zero in the path": b"GET /paywall/\0 HTTP/1.1\r\nHost: a\r\n\r\n",
    "no slash": b"GET paywall/article HTTP/1.1\r\nHost: a\r\n\r\n",
    "a whole address": b"GET http://evil.example/paywall/article HTTP/1.1\r\nHost: a\r\n\r\n",
    "a broken address": b"GET http://[::1/paywall/article HTTP/1.1\r\nHost: a\r\n\r\n",
    "an address without host": b"GET http:///paywall/article HTTP/1.1\r\nHost: a\r\n\r\n",
    "another scheme": b"GET file:///etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n",
    "a port too high": b"GET http://a:99999/paywall/article HTTP/1.1\r\nHost: a\r\n\r\n",
    "two slashes": b"GET //evil.example/paywall/article HTTP/1.1\r\nHost: a\r\n\r\n",
    "CONNECT": b"CONNECT evil.example:443 HTTP/1.1\r\nHost: a\r\n\r\n",
    "CONNECT to nothing": b"CONNECT : HTTP/1.1\r\nHost: a\r\n\r\n",
    "OPTIONS of all": b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "a fragment": b"GET /paywall/article#x HTTP/1.1\r\nHost: a\r\n\r\n",
    "a long path": b"GET /paywall/" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "an endless path": b"GET /paywall/" + b"a" * 200_000,
    # The headers.
    "no host": _PAYWALL + b"\r\n",
    "two hosts": _PAYWALL + b"Host: a\r\nHost: b\r\n\r\n",
    "old and without host": b"GET /paywall/article HTTP/1.0\r\n\r\n",
    "line feeds only": b"GET /paywall/article HTTP/1.1\nHost: a\n\n",
    "a folded header": _PAYWALL + b"Host: a\r\nX: a\r\n b\r\n\r\n",
    "a blank before the colon": _PAYWALL + b"Host: a\r\nX-PAYMENT : e30=\r\n\r\n",
    "no colon": _PAYWALL + b"Host: a\r\nX-PAYMENT\r\n\r\n",
    "no name": _PAYWALL + b"Host: a\r\n: e30=\r\n\r\n",
    "bytes in a name": _PAYWALL + b"Host: a\r\nX-\xff: e30=\r\n\r\n",
    "a zero in a value": _PAYWALL + b"Host: a\r\nX-PAYMENT: e3\x000=\r\n\r\n",
    "a carriage return in a value": _PAYWALL + b"Host: a\r\nX-PAYMENT: e3\r0=\r\n\r\n",
    "an injected header": _PAYWALL + b"Host: a\r\nX-Request-ID: a\nX-Evil: b\r\n\r\n",
    "too many headers": _PAYWALL + b"Host: a\r\n" + _numbered(3_000) + b"\r\n",
    "as many as may be": _PAYWALL + b"Host: a\r\n" + _numbered(100) + b"\r\n",
    "one header many times": _PAYWALL + b"Host: a\r\n" + b"X-PAYMENT: e30=\r\n" * 100 + b"\r\n",
    "a header too long": _PAYWALL + b"Host: a\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
    "an endless header": _PAYWALL + b"Host: a\r\nX: " + b"a" * 300_000,
    "an unknown expectation": _QUOTE + b"Expect: \xff\xfe\r\nContent-Length: 2\r\n\r\n{}",
    "an expectation elsewhere": b"PUT /x HTTP/1.1\r\nHost: a\r\nExpect: 200-maybe\r\n\r\n",
    "an upgrade": _PAYWALL + b"Host: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n" + bytes(40),
    # How long the body is.
    "both lengths": _QUOTE + b"Content-Length: 5\r\n" + _CHUNKED + b"\r\n0\r\n\r\n" + _HIDDEN,
    "both, turned round": _QUOTE + _CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n" + _HIDDEN,
    "two lengths": _QUOTE + b"Content-Length: 2\r\nContent-Length: 44\r\n\r\n{}" + _HIDDEN,
    "two lengths in one": _QUOTE + b"Content-Length: 2, 2\r\n\r\n{}" + _HIDDEN,
    "a length with a sign": _QUOTE + b"Content-Length: +2\r\n\r\n{}" + _HIDDEN,
    "a length below zero": _QUOTE + b"Content-Length: -1\r\n\r\n{}",
    "a length in hex": _QUOTE + b"Content-Length: 0x2\r\n\r\n{}",
    "a length with a blank": _QUOTE + b"Content-Length: 2 2\r\n\r\n{}",
    "a length without digits": _QUOTE + b"Content-Length: \r\n\r\n{}" + _HIDDEN,
    "a length too long": _QUOTE + b"Content-Length: 99999999999999999999999\r\n\r\n{}",
    "a length of a terabyte": _QUOTE + b"Content-Length: 1099511627776\r\n\r\n{}",
    "a length on GET": _PAYWALL + b"Host: a\r\nContent-Length: 22\r\n\r\n" + _BODY,
    "no length": _QUOTE + b"\r\n" + _BODY,
    "an unknown coding": _QUOTE + b"Transfer-Encoding: foo\r\n\r\n" + _BODY,
    "a coding twice": _QUOTE + b"Transfer-Encoding: chunked, chunked\r\n\r\n" + chunked(_BODY),
    "a coding before": _QUOTE + b"Transfer-Encoding: chunked, identity\r\n\r\n" + chunked(_BODY),
    "a coding in disguise": _QUOTE + b"Transfer-Encoding: \x0bchunked\r\n\r\n" + chunked(_BODY),
    "a coding with quotes": _QUOTE + b'Transfer-Encoding: "chunked"\r\n\r\n' + chunked(_BODY),
    "a compression that is not known": _QUOTE
    + b"Content-Encoding: br\r\nContent-Length: 2\r\n\r\n{}",
    "a compression that is not one": _QUOTE
    + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    "a coding in old HTTP": (
        b"POST /paywall/v1/quote HTTP/1.0\r\n" + _CHUNKED + b"\r\n" + chunked(_BODY) + _HIDDEN
    ),
    # The chunks.
    "no hex": _QUOTE + _CHUNKED + b"\r\nzz\r\n{}\r\n0\r\n\r\n",
    "a chunk below zero": _QUOTE + _CHUNKED + b"\r\n-2\r\n{}\r\n0\r\n\r\n",
    "a chunk too large": _QUOTE + _CHUNKED + b"\r\nffffffffffffffff1\r\n{}\r\n0\r\n\r\n",
    "a chunk longer than said": _QUOTE + _CHUNKED + b"\r\n2\r\n{}{}\r\n0\r\n\r\n",
    "a chunk without end": _QUOTE + _CHUNKED + b"\r\n2\r\n{}0\r\n\r\n" + _HIDDEN,
    "chunk extensions": _QUOTE + _CHUNKED + b'\r\n16;a="b\n";c\r\n' + _BODY + b"\r\n0\r\n\r\n",
    "a long extension": _QUOTE + _CHUNKED + b"\r\n16;" + b"a" * 90_000 + b"\r\n" + _BODY,
    "line feeds in chunks": _QUOTE + _CHUNKED + b"\r\n16\n" + _BODY + b"\n0\n\n" + _HIDDEN,
    "trailers": (
        _QUOTE + _CHUNKED + b"\r\n16\r\n" + _BODY + b"\r\n0\r\nX-PAYMENT: e30=\r\nHost: b\r\n\r\n"
    ),
    "many small chunks": _QUOTE + _CHUNKED + b"\r\n" + b"1\r\n \r\n" * 20_000 + chunked(_BODY),
    # One after the other.
    "two in one": _QUOTE + b"Content-Length: 22\r\n\r\n" + _BODY + _PAYWALL + b"Host: a\r\n\r\n",
    "a hundred in one": (_PAYWALL + b"Host: a\r\n\r\n") * 100,
    "good, then garbage": _PAYWALL + b"Host: a\r\n\r\n" + bytes(range(256)),
}
