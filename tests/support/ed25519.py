"""Signing as RFC 8032 does, but with a random nonce: a second valid signature of one message.

Libraries derive the nonce from the message, so they give one signature only; nothing in the
verification asks for that. Whoever holds the key can make as many as he likes.
"""

import hashlib
import secrets

from solders.keypair import Keypair
from solders.signature import Signature

_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_Y = 4 * pow(5, -1, _P) % _P

Point = tuple[int, int]


def _root(y: int) -> int:
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if x * x % _P != square:
        x = x * pow(2, (_P - 1) // 4, _P) % _P
    return x if x % 2 == 0 else _P - x


_GENERATOR: Point = (_root(_Y), _Y)


def _add(a: Point, b: Point) -> Point:
    crossed = _D * a[0] * b[0] * a[1] * b[1] % _P
    x = (a[0] * b[1] + b[0] * a[1]) * pow(1 + crossed, -1, _P)
    y = (a[1] * b[1] + a[0] * b[0]) * pow(1 - crossed, -1, _P)
    return x % _P, y % _P


def _times(scalar: int, point: Point) -> Point:
    total: Point = (0, 1)
    while scalar:
        if scalar & 1:
            total = _add(total, point)
        point, scalar = _add(point, point), scalar >> 1
    return total


def _packed(point: Point) -> bytes:
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def _number(data: bytes) -> int:
    return int.from_bytes(hashlib.sha512(data).digest(), "little") % _ORDER


def sign_anew(keypair: Keypair, message: bytes) -> Signature:
    """Sign with a nonce of chance: valid, and different each time."""
    digest = bytearray(hashlib.sha512(keypair.secret()).digest()[:32])
    digest[0] &= 248
    digest[31] = digest[31] & 127 | 64
    secret = int.from_bytes(digest, "little")
    nonce = secrets.randbelow(_ORDER)
    commitment = _packed(_times(nonce, _GENERATOR))
    challenge = _number(commitment + bytes(keypair.pubkey()) + message)
    answer = (nonce + challenge * secret) % _ORDER
    return Signature(commitment + answer.to_bytes(32, "little"))
