from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillway.entrypoints.settings.durations import MOST, format_duration, parse_duration


class TestParsing:
    @pytest.mark.parametrize(
        ("text", "length"),
        [
            ("5m", timedelta(minutes=5)),
            ("1h30m", timedelta(hours=1, minutes=30)),
            ("250ms", timedelta(milliseconds=250)),
            ("1.5h", timedelta(minutes=90)),
            (".5s", timedelta(milliseconds=500)),
            ("1h1m1s1ms1us", timedelta(hours=1, minutes=1, seconds=1, microseconds=1001)),
            ("2000ns", timedelta(microseconds=2)),
            ("7µs", timedelta(microseconds=7)),
            ("7μs", timedelta(microseconds=7)),
            ("-1m", timedelta(minutes=-1)),
            ("+1m", timedelta(minutes=1)),
            ("1m1m", timedelta(minutes=2)),
            ("0", timedelta()),
            ("90", timedelta(seconds=90)),
            ("0.25", timedelta(milliseconds=250)),
            ("2160h", timedelta(days=90)),
        ],
    )
    def test_go_durations_and_seconds_are_read(self, text: str, length: timedelta) -> None:
        """Go's format and bare numbers of seconds are durations."""
        assert parse_duration(text) == length

    @pytest.mark.parametrize(
        "text",
        [
            "",
            " ",
            "5 m",
            "m",
            "5x",
            "1d",
            "5M",
            "1h30",
            "--1s",
            "1e3",
            "5m ",
            "１s",
            "1ns",
            "9" * 99,
        ],
    )
    def test_anything_else_is_refused(self, text: str) -> None:
        """Blanks, other units, exponents and fractions of a microsecond are no durations."""
        with pytest.raises(ValueError, match="must be"):
            parse_duration(text)

    def test_a_century_is_the_most(self) -> None:
        """Nothing overflows: what is too long is refused."""
        with pytest.raises(ValueError, match="hundred years"):
            parse_duration("99999999999h")

    @given(st.text(alphabet="0123456789.hmsunµ+-e ", max_size=80))
    def test_no_text_does_harm(self, text: str) -> None:
        """Every text is a duration within bounds, or a ValueError."""
        try:
            length = parse_duration(text)
        except ValueError:
            return
        assert abs(length) <= MOST

    @given(st.timedeltas(min_value=-MOST, max_value=MOST))
    def test_what_is_written_is_read_back(self, length: timedelta) -> None:
        """Formatting loses nothing."""
        assert parse_duration(format_duration(length)) == length


class TestFormatting:
    @pytest.mark.parametrize(
        ("length", "text"),
        [
            (timedelta(minutes=90), "1h30m"),
            (timedelta(), "0s"),
            (timedelta(milliseconds=400), "400ms"),
            (timedelta(microseconds=-5), "-5us"),
        ],
    )
    def test_units_are_the_largest_that_fit(self, length: timedelta, text: str) -> None:
        """Durations are written as people do."""
        assert format_duration(length) == text
