"""Strategies for everything else of a request: method, path, query and headers."""

from typing import Final

from hypothesis import strategies as st

from support.damage import Damage, damages
from support.http_corpus import CORPUS
from support.odd_json import pick
from support.raw_http import Header, request

METHODS: Final = tuple(
    b"GET GET GET POST HEAD OPTIONS PUT DELETE PATCH TRACE CONNECT PROPFIND MKCOL PURGE".split()
)
PATHS: Final = tuple(
    b"/ /cedros-health /livez /readyz /health /metrics /openapi.json /favicon.ico /resources/list "
    b"/.well-known/payment-options /.well-known/agent.json /paywall /paywall/ /paywall/article "
    b"/paywall/article/ /paywall/v1 /paywall/v1/ /paywall/v1/quote /paywall/v1/verify "
    b"/paywall/v1/products /paywall/v1/coupons/validate /paywall/v1/gasless-transaction "
    b"/paywall/v1/x402-transaction/verify /paywall/v1/nothing /sandbox /admin *".split()
)
SEGMENTS: Final = (
    b"..",
    b"%2e%2e",
    b"%2E%2e%2f..%2f",
    b"..;",
    b"%00",
    b"article%00",
    b"a%0d%0aX-Injected:%20yes",
    b"%ff",
    b"%c0%ae%c0%ae",
    b"%ed%a0%80",
    b"%",
    b"%zz",
    b"%u0041",
    b"%25%32%65",
    b"article%20",
    b"%20article",
    b"ARTICLE",
    b"v1",
    b"v1%2fquote",
    b"cart_" + b"0" * 32,
    b"refund_" + b"f" * 32,
    b"cart:x",
    b"stripe:cs_1",
    b"%3Cscript%3Ealert(1)%3C%2Fscript%3E",
    b"'\"`;--",
    b"{{resource}}",
    b"{nonce}",
    b"%E2%80%AEtxt",
    b"%F0%9F%92%B8",
    b"%5c",
    b"a" * 255,
    b"a" * 256,
    b"%C3%A9" * 255,
    b"b" * 8_000,
    b"a:b@c",
    b"@",
    b"~!$&'()*+,;=:@",
)
QUERIES: Final = (
    b"couponCode=HALF",
    b"couponCode=NOSUCH",
    b"couponCode=",
    b"couponCode=%00",
    b"couponCode=%ff",
    b"couponCode=" + b"x" * 300,
    b"couponCode=HALF&couponCode=ONCE",
    b"coupon=HALF",
    b"couponCode[]=HALF",
    b"couponCode=%3Cscript%3E",
    b"signature=",
    b"signature=" + b"1" * 88,
    b"signature=" + b"1" * 5_000,
    b"signature=%00",
    b"signature=%ed%a0%80",
    b"signature=a&signature=b",
    b"?",
    b"&&&&",
    b"=",
    b"%",
    b"a=" + b"&a=" * 3_000,
    b"q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
)
HOSTS: Final = (
    b"127.0.0.1",
    b"",
    b" ",
    b"localhost:99999",
    b"[::1",
    b"[::1]:80",
    b"a b",
    b"evil.example<script>",
    b"\xff\xfe",
    b"a" * 300,
    b"user@host",
    b"host/path",
    b"x.example, y.example",
)
HEADERS: Final[tuple[Header, ...]] = (
    (b"X-Forwarded-For", b"1.2.3.4"),
    (b"X-Forwarded-For", b"unknown, 127.0.0.1, \xff"),
    (b"X-Forwarded-For", b"1.1.1.1," * 2_000),
    (b"X-Forwarded-For", b"[::1]:99999"),
    (b"X-Forwarded-Host", b"evil.example<script>"),
    (b"X-Forwarded-Host", b"a,b,c"),
    (b"X-Forwarded-Proto", b"javascript"),
    (b"Forwarded", b'for="_x";host="a";proto=https'),
    (b"X-Request-ID", b"mine-1"),
    (b"X-Request-ID", b"<script>"),
    (b"X-Request-ID", b"a" * 129),
    (b"X-Request-ID", b"\xff"),
    (b"X-API-Version", b"2"),
    (b"X-API-Version", b"999"),
    (b"X-API-Version", b"\xff"),
    (b"Accept", b"application/vnd.cedros.v2+json"),
    (b"Accept", b"application/vnd.cedros."),
    (b"Accept", b"text/html,*/*;q=0.1"),
    (b"Accept", b"version=" * 500),
    (b"Accept", b";,;,=\xff"),
    (b"Accept-Encoding", b"gzip, br, zstd, \xff"),
    (b"Authorization", b"Bearer \xff"),
    (b"Authorization", b"Basic"),
    (b"Cookie", b"a=b; " * 500),
    (b"Cookie", b'"\xff=;;'),
    (b"Range", b"bytes=0-,5-"),
    (b"If-None-Match", b'"'),
    (b"If-Modified-Since", b"never"),
    (b"Content-Type", b"\xff/\xff"),
    (b"Content-Type", b"multipart/form-data"),
    (b"Origin", b"https://shop.example"),
    (b"Origin", b"null"),
    (b"Origin", b"https://evil.example\xff"),
    (b"Access-Control-Request-Method", b"POST"),
    (b"Access-Control-Request-Headers", b"x-payment, x-\xff, " + b"a," * 3_000),
    (b"Idempotency-Key", b""),
    (b"Idempotency-Key", b"\xff" * 300),
    (b"X-Signer", b"\xff"),
    (b"X-Wallet", b"a" * 5_000),
    (b"X-Tenant-ID", b"../other"),
    (b"X-API-Key", b"\xff"),
    (b"Upgrade", b"websocket"),
    (b"Connection", b"upgrade"),
    (b"Connection", b"close, keep-alive"),
    (b"Expect", b"100-continue"),
    (b"TE", b"trailers"),
    (b"X" * 200, b"long name"),
    (b"X-Long", b"v" * 30_000),
)

_texts: Final = st.lists(st.integers(0x21, 0x7E), max_size=30).map(bytes)
_segments: Final = pick(SEGMENTS) | _texts.map(
    lambda text: text.replace(b"?", b"").replace(b"#", b"")
)
_queries: Final = pick(QUERIES) | _texts.map(lambda text: text.replace(b"#", b""))
_values: Final = st.binary(max_size=60).map(
    lambda value: bytes(byte for byte in value if byte >= 0x20 and byte != 0x7F)
)
_headers: Final = st.lists(
    pick(HEADERS) | st.builds(lambda header, value: (header[0], value), pick(HEADERS), _values),
    max_size=4,
    unique_by=lambda header: header[0],
)


def _target(path: bytes, segments: list[bytes], query: bytes | None) -> bytes:
    whole = path.rstrip(b"/") + b"".join(b"/" + segment for segment in segments)
    return (whole or b"/") + (b"" if query is None else b"?" + query)


_whole_paths: Final = st.builds(_target, pick(PATHS), st.just([]), st.none() | _queries)
_longer_paths: Final = st.builds(
    _target,
    st.just(b"/paywall") | pick(PATHS),
    st.lists(_segments, min_size=1, max_size=2),
    st.none() | _queries,
)
requests: Final = st.builds(
    lambda method, target, headers, host: request(method, target, [(b"Host", host), *headers]),
    pick(METHODS),
    _whole_paths | _longer_paths,
    _headers,
    st.just(b"127.0.0.1") | pick(HOSTS),
)
"""Whole requests, as bytes, that are HTTP, however odd."""


def _broken(whole: bytes, damage: Damage, after: bytes) -> bytes:
    return damage.done_to(whole) + after


broken_http: Final = st.builds(
    _broken,
    requests | pick([*CORPUS.values()]),
    damages,
    st.just(b"") | st.just(b"") | pick([*CORPUS.values()]),
)
"""What is HTTP only by chance, and perhaps followed by something else."""
