import json
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from solders.keypair import Keypair

from tillway.adapters.x402.wallets import BadKey, read_keypair, read_keypairs

PAIR = Keypair.from_seed(bytes(range(32)))
BASE58 = str(PAIR)
NUMBERS = json.dumps(list(bytes(PAIR)))


class TestReading:
    @pytest.mark.parametrize("secret", [BASE58, NUMBERS, f"  {BASE58}\n", NUMBERS.replace(" ", "")])
    def test_both_forms_are_the_same_wallet(self, secret: str) -> None:
        """64 bytes in base58, or a JSON array of 64 numbers, with blanks around."""
        assert read_keypair(secret, "X402_SERVER_WALLET_1").pubkey() == PAIR.pubkey()

    @pytest.mark.parametrize(
        "secret",
        [
            "",
            BASE58[:-1],
            BASE58 + "1",
            BASE58.replace(BASE58[3], "0"),
            str(PAIR.pubkey()),
            json.dumps(list(bytes(PAIR))[:-1]),
            json.dumps([*list(bytes(PAIR)), 1]),
            json.dumps([256] * 64),
            json.dumps([-1] * 64),
            json.dumps(["1"] * 64),
            json.dumps([1.5] * 64),
            "[" + "1," * 63 + "1",
            json.dumps(list(bytes(PAIR))[:32] + [0] * 32),
            json.dumps({"key": 1}),
            "[64]",
        ],
    )
    def test_a_bad_one_is_named_and_never_shown(self, secret: str) -> None:
        """The variable is in the text; no part of the value is, nor in a cause."""
        with pytest.raises(BadKey) as bad:
            read_keypair(secret, "X402_SERVER_WALLET_7")
        assert str(bad.value).startswith("X402_SERVER_WALLET_7 ")
        assert bad.value.__cause__ is None
        assert bad.value.__suppress_context__
        assert not any(word in str(bad.value) for word in _pieces(secret))

    @given(st.text(max_size=100))
    @example("[[]]")
    @example("[64" + "0" * 5_000 + "]")
    def test_nothing_else_is_ever_raised(self, secret: str) -> None:
        """Any text is a key or a bad key."""
        with suppress(BadKey):
            assert isinstance(read_keypair(secret, "X402_SERVER_WALLET_1"), Keypair)


def _pieces(secret: str) -> list[str]:
    return [secret[start : start + 8] for start in range(0, max(0, len(secret) - 8), 8)]


class TestSeveral:
    def test_come_in_order(self) -> None:
        """Numbered from 1, as the variables are."""
        pairs = [Keypair() for _ in range(3)]
        read = read_keypairs([str(pair) for pair in pairs])
        assert [one.pubkey() for one in read] == [pair.pubkey() for pair in pairs]

    def test_the_number_of_the_bad_one_is_told(self) -> None:
        """So that it can be found among a hundred."""
        with pytest.raises(BadKey, match="X402_SERVER_WALLET_2 "):
            read_keypairs([str(Keypair()), "junk"])

    def test_one_wallet_twice_is_refused(self) -> None:
        """Its turns would come twice and its balance be counted twice."""
        with pytest.raises(BadKey, match="X402_SERVER_WALLET_2 is the same wallet"):
            read_keypairs([BASE58, NUMBERS])
