import copy
import json
import pickle

import attrs
import orjson
import pytest
from attrs import frozen

from tillway.core.secrets import Secret

TEXT = "sk_live_very_secret"


@frozen(kw_only=True)
class Holder:
    """Something that holds a secret."""

    secret: Secret


class TestHiding:
    @pytest.mark.parametrize(
        "shown",
        [
            repr(Secret(TEXT)),
            str(Secret(TEXT)),
            f"{Secret(TEXT)}",
            f"{Secret(TEXT):>40}",
            f"{Secret(TEXT)!r}",
            "%s" % Secret(TEXT),  # noqa: UP031 - the old way must hide it too
            repr(Holder(secret=Secret(TEXT))),
            repr([Secret(TEXT)]),
            str(attrs.asdict(Holder(secret=Secret(TEXT)))),
        ],
    )
    def test_no_way_to_write_it_shows_it(self, shown: str) -> None:
        """Whatever turns a secret into text gives three stars."""
        assert TEXT not in shown
        assert "***" in shown

    def test_reveal_gives_the_text(self) -> None:
        """The one way to read a secret is to say so."""
        assert Secret(TEXT).reveal() == TEXT

    @pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
    def test_it_is_not_pickled(self, protocol: int) -> None:
        """Nothing sends a secret to another process by accident."""
        with pytest.raises(TypeError):
            pickle.dumps(Secret(TEXT), protocol)

    def test_its_state_is_not_read_out(self) -> None:
        """What pickling builds on refuses too, and there is no dictionary of attributes."""
        with pytest.raises(TypeError):
            Secret(TEXT).__getstate__()
        with pytest.raises(TypeError):
            vars(Secret(TEXT))

    def test_it_is_not_json(self) -> None:
        """Neither JSON library writes it."""
        with pytest.raises(TypeError):
            json.dumps(Secret(TEXT))
        with pytest.raises(TypeError):
            orjson.dumps(Secret(TEXT))

    def test_copies_are_itself(self) -> None:
        """Settings can be evolved and copied with their secrets in them."""
        secret = Secret(TEXT)

        assert copy.copy(secret) is secret
        assert copy.deepcopy([secret])[0] is secret


class TestComparing:
    def test_equal_texts_are_equal_secrets(self) -> None:
        """Secrets compare by their text."""
        assert Secret(TEXT) == Secret(TEXT)
        assert Secret(TEXT) != Secret(TEXT + "x")

    def test_a_text_is_no_secret(self) -> None:
        """A secret equals no text: `matches` is the way to compare with one."""
        assert Secret(TEXT) != TEXT
        assert Secret(TEXT).matches(TEXT)
        assert not Secret(TEXT).matches("")

    def test_any_unicode_compares(self) -> None:
        """Texts beyond ASCII, broken ones included, compare without an error."""
        assert Secret("schlüssel\ud800").matches("schlüssel\ud800")

    def test_it_has_no_hash(self) -> None:
        """Look-ups by hash take a time that depends on the secret, so there are none."""
        with pytest.raises(TypeError):
            hash(Secret(TEXT))

    def test_an_empty_one_is_false(self) -> None:
        """`if secret` asks whether there is one."""
        assert not Secret("")
        assert Secret("x")

    def test_only_text_is_secret(self) -> None:
        """Bytes and numbers are refused."""
        with pytest.raises(TypeError):
            Secret(b"x")  # type: ignore[arg-type]  # that is the claim
