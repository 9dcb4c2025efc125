"""Bytes gone wrong on the way: flipped, cut, put in, copied over one another."""

from typing import Final

from attrs import frozen
from hypothesis import strategies as st


@frozen
class Damage:
    """What is done to bytes, in this order. Places are counted round."""

    flips: tuple[tuple[int, int], ...] = ()
    copied: tuple[int, int, int] | None = None
    put: tuple[int, bytes] | None = None
    cut: int | None = None

    def done_to(self, raw: bytes) -> bytes:
        """Give the bytes damaged; there has to be one at least."""
        broken = bytearray(raw)
        for place, byte in self.flips:
            broken[place % len(broken)] ^= byte
        if self.copied is not None:
            source, size, place = self.copied
            piece = broken[source % len(broken) :][:size]
            place %= len(broken)
            broken[place : place + len(piece)] = piece
        if self.put is not None:
            place = self.put[0] % len(broken)
            broken[place:place] = self.put[1]
        if self.cut is not None:
            del broken[self.cut % len(broken) :]
        return bytes(broken)


_places: Final = st.integers(0, 1300)
damages: Final = st.builds(
    Damage,
    flips=st.lists(st.tuples(_places, st.integers(1, 255)), max_size=4).map(tuple),
    copied=st.none() | st.none() | st.tuples(_places, st.integers(1, 64), _places),
    put=st.none() | st.none() | st.tuples(_places, st.binary(min_size=1, max_size=40)),
    cut=st.none() | st.none() | st.none() | _places,
)
