import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillway.entrypoints.settings.document import LARGEST, read_document
from tillway.entrypoints.settings.nodes import Block, Text, plain_value, within


def _faults(text: str) -> list[str]:
    return [str(fault) for fault in read_document(text)[1]]


def _value(text: str) -> object:
    root, faults = read_document(text)
    assert root is not None
    assert faults == ()
    return plain_value(root)


class TestReading:
    def test_scalars_stay_what_they_are(self) -> None:
        """A text is kept as written, so that no float, octal or time of day comes of it."""
        root, _ = read_document("a: 0.1\nb: 1:30\nc: 010\nd: no\ne: '5'\n")

        assert root is not None
        texts = [node.text for node in root.entries.values() if isinstance(node, Text)]
        assert texts == ["0.1", "1:30", "010", "no", "5"]

    @pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "~", "null"])
    def test_an_empty_file_sets_nothing(self, text: str) -> None:
        """A file without content is an empty mapping."""
        assert _value(text) == {}

    def test_anchors_and_merges_are_followed(self) -> None:
        """Aliases repeat a node; a merge gives what the block itself does not say."""
        text = "a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3}\nc: {<<: [{z: 1}, *a]}\nd: [*a]\n"

        assert _value(text) == {
            "a": {"x": 1, "y": 2},
            "b": {"x": 3, "y": 2},
            "c": {"z": 1, "x": 1, "y": 2},
            "d": [{"x": 1, "y": 2}],
        }

    def test_every_node_knows_its_line(self) -> None:
        """Faults can point to where a value stands."""
        root, _ = read_document("a:\n  b: 1\n\n  c:\n    - 2\n")
        found = within(root, "a.c")

        assert found is not None
        assert found.line == 5


class TestFaults:
    @pytest.mark.parametrize(
        ("text", "words", "line"),
        [
            ("a: [1\nb: 2", "is not YAML", 2),
            ("a: 1\n\tb: 2", "is not YAML", 2),
            ("- a\n- b", "must be a mapping of sections", 1),
            ("text", "must be a mapping of sections", 1),
            ("a: 1\n---\nb: 2\n", "more than one document", 2),
            ("a: !!python/object:os.system x", "must not use tags", 1),
            ("a: *nobody", "uses an alias before its anchor", 1),
            ("a: &a [*a]", "uses an alias before its anchor", 1),
            ("? [a]\n: 1", "has a key that is no text", 1),
            ("a: {<<: 5}", "must merge mappings only", 1),
        ],
    )
    def test_what_cannot_be_read_is_named_with_its_line(
        self, text: str, words: str, line: int
    ) -> None:
        """Broken YAML, and YAML that settings have no use for, is one fault with a line."""
        (fault,) = _faults(text)

        assert words in fault
        assert fault.endswith(f"[line {line}]")

    def test_duplicate_keys_are_named_and_the_rest_is_read(self) -> None:
        """Each repeated key is a fault; the first value counts."""
        root, faults = read_document("a: 1\nb: 2\na: 3\nb: 4\n")

        assert [str(fault) for fault in faults] == [
            "the settings file has the key 'a' twice [line 3]",
            "the settings file has the key 'b' twice [line 4]",
        ]
        assert isinstance(root, Block)
        assert plain_value(root) == {"a": 1, "b": 2}

    def test_control_characters_are_refused(self) -> None:
        """What YAML forbids has no line, but a fault."""
        assert _faults("a: 'b\x00'")

    def test_a_value_never_stands_in_the_fault(self) -> None:
        """A broken file may hold secrets: only the parser's words are told."""
        assert "hunter2" not in str(_faults("key: 'hunter2\nother: [hunter2"))


class TestBounds:
    def test_a_file_over_a_mebibyte_is_refused(self) -> None:
        """Large files are not even parsed."""
        assert _faults("a: " + "x" * LARGEST) == ["the settings file is larger than 1 MiB"]

    def test_deep_nesting_is_refused(self) -> None:
        """Nobody needs settings in so many brackets."""
        (fault,) = _faults("[" * 33)

        assert "nested deeper than 32 levels" in fault

    def test_a_file_of_brackets_is_refused_at_once(self) -> None:
        """It costs nothing, whoever sees it first, the parser or we."""
        started = time.perf_counter()
        (fault,) = _faults("[" * 500_000)

        assert "nest" in fault
        assert time.perf_counter() - started < 5

    def test_a_bomb_of_aliases_is_refused(self) -> None:
        """Aliases of aliases count as often as they would be read."""
        lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
        for level in range(1, 12):
            aliases = ", ".join([f"*a{level - 1}"] * 10)
            lines.append(f"a{level}: &a{level} [{aliases}]")
        (fault,) = _faults("\n".join(lines))

        assert "holds more than 100000 values" in fault

    @given(st.text(alphabet="ab:-[]{}&*!<'\"\n \t#|>%@,?~0", max_size=60))
    def test_no_text_raises(self, text: str) -> None:
        """Whatever a file holds, it is a tree or faults."""
        root, faults = read_document(text)

        assert root is not None or faults
