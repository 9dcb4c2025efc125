"""What our tables, indexes, functions, constraints and policies are called.

In our SQL every word that begins with ``tillway_`` is such a name, and nothing else begins so.
Migrations and statements are therefore plain SQL that anybody can run; where the settings call
things otherwise, each such word is replaced, and quoted, before the server sees it:

* a table of `tables` is called what is said there;
* anything else, with the prefix of the settings in the place of ``tillway``.

A table gets a name of its own by being created: nothing has to be added here for it.
"""

import re
from collections.abc import Mapping
from typing import Final

from attrs import field, frozen

USUAL: Final = "tillway"

_PART: Final = "[A-Za-z_][A-Za-z0-9_]{0,62}"
_NAME: Final = re.compile(rf"(?:(?P<schema>{_PART})\.)?(?P<name>{_PART})")
_LONGEST_PREFIX: Final = 30
"""The server cuts names off after 63 characters, and those that we add have fewer than 33."""

# Indexes, constraints, policies and triggers lie in their table's schema and cannot name one.
_WITHIN: Final = r"(?:CREATE (?:UNIQUE )?INDEX|CONSTRAINT|POLICY|TRIGGER|RENAME TO)\s+"
_OURS: Final = re.compile(
    rf"(?P<within>\b{_WITHIN}(?:IF (?:NOT )?EXISTS\s+)?)?\b{USUAL}_(?P<word>\w+)"
)
_CREATED: Final = re.compile(rf"\bCREATE TABLE (?:IF NOT EXISTS )?{USUAL}_(\w+)")


def tables_in(sql: str) -> list[str]:
    """Give the tables that SQL of ours creates, by their words: ``payments``."""
    return _CREATED.findall(sql)


@frozen(kw_only=True)
class Names:
    """The names of one gateway's things; those of two with different prefixes never meet.

    ``prefix`` and the values of ``tables`` may begin with a schema and a dot. The keys are the
    words after ``tillway_``. ValueError for what is no name, or is meant twice.
    """

    prefix: str = USUAL
    tables: Mapping[str, str] = field(factory=dict)
    _spoken: dict[str, str] = field(init=False, factory=dict, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Refuse what the server would cut off, misread or mistake for another."""
        if len(_parts(self.prefix)[1]) > _LONGEST_PREFIX:
            raise ValueError(f"a prefix may have {_LONGEST_PREFIX} characters, not {self.prefix!r}")
        meant = [_parts(name) for name in self.tables.values()]
        if len(set(meant)) < len(meant):
            raise ValueError("two tables cannot have the same name")
        for word, name in self.tables.items():
            if name.startswith(f"{self.prefix}_") and name != f"{self.prefix}_{word}":
                raise ValueError(f"{name!r} begins like names that are made from the prefix")

    def spoken(self, sql: str) -> str:
        """Give SQL of ours as this gateway's server understands it."""
        if not self.tables and self.prefix == USUAL:
            return sql
        known = self._spoken.get(sql)
        if known is None:
            known = self._spoken[sql] = _OURS.sub(self._replaced, sql)
        return known

    def called(self, word: str) -> str:
        """Say what the thing ``tillway_<word>`` is called, with its schema if one is set."""
        schema, name = self._place(word)
        return f"{schema}.{name}" if schema else name

    def _replaced(self, found: re.Match[str]) -> str:
        schema, name = self._place(found["word"])
        if found["within"]:
            return f'{found["within"]}"{name}"'
        return f'"{schema}"."{name}"' if schema else f'"{name}"'

    def _place(self, word: str) -> tuple[str | None, str]:
        if word in self.tables:
            return _parts(self.tables[word])
        schema, prefix = _parts(self.prefix)
        # What is named after a table, as its indexes are, lies where that table lies.
        owners = [table for table in self.tables if word.startswith(f"{table}_")]
        if owners:
            schema, _ = _parts(self.tables[max(owners, key=len)])
        return schema, f"{prefix}_{word}"


def _parts(name: str) -> tuple[str | None, str]:
    found = _NAME.fullmatch(name)
    if found is None:
        raise ValueError(f"{name!r} is no name for a table")
    return found["schema"], found["name"]
