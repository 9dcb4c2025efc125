"""How a plugin declares its settings: an attrs class whose fields say how they are set.

    @frozen(kw_only=True)
    class IbanSettings:
        \"\"\"Bank transfers.\"\"\"

        account: str = setting(rules=(not_blank,), doc="where the money goes")
        token: Secret | None = setting(default=None, doc="the bank's API token")

The class is one section of the configuration; each field is a key of it. A field may be
`str`, `bool`, `int`, `float`, `Decimal`, `timedelta` (`1h30m`, or a number of seconds), an
aware `datetime`, `Secret`, a `Literal` of texts, a `tuple` or `Mapping[str, ...]` of those,
`Mapping[str, Any]`, or another such class: a block, or with `tuple` and `Mapping` many of them.
`| None` with the default None makes it optional. A field without a default is required.

Unless `env` says otherwise, a key `a.b` of a section is also set by `TILLWAY_<SECTION>_A_B`, a
secret by the file that the same name with `_FILE` points to, and a list by commas.

A class may say more by class variables: `RULES` (what its fields must fulfil together),
`WHEN_SET = True` (the section exists only if something in it is set: a rail),
`IN_FORCE = False` (accepted and checked, but nothing uses it yet) and `KEYED = "name"` (in a
mapping of these blocks, the field that is the entry's key unless it is set).
"""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final, TypedDict, TypeVar, Unpack, cast, overload

import attrs
from attrs import frozen

T = TypeVar("T")

Check = Callable[[Any], str | None]
"""Says what is wrong with a value, never repeating it, or None: `must be positive`."""

METADATA: Final = "tillway.setting"


class Env(Enum):
    """Where the name of a key's environment variable comes from when none is given."""

    DERIVED = "derived"


def _same(text: str) -> str:
    return text


@frozen(kw_only=True)
class Alias:
    """An older name of an environment variable, still read, with a warning."""

    name: str
    adapt: Callable[[str], str] = _same
    """Turns the older variable's text into what the new one would hold."""


@frozen(kw_only=True)
class Family:
    """Environment variables `<prefix><NAME>` that each set one entry of a mapping."""

    prefix: str
    key: Callable[[str], str] = _same
    """Turns NAME into the entry's key."""
    skip: frozenset[str] = frozenset()
    ignores_case: bool = False
    """True when a variable takes the place of an entry whose key differs only in case."""


@frozen(kw_only=True)
class Numbered:
    """Environment variables `<prefix>1` to `<prefix><most>`, up to the first that is not set."""

    prefix: str
    most: int


@frozen(kw_only=True)
class Rule:
    """What some fields of one class must fulfil together.

    `check` gets the values of `fields` in order and answers like any check; the fault is
    reported at the first of them. It is not asked when one of them has a fault of its own.
    """

    fields: tuple[str, ...]
    check: Callable[..., str | None]
    warns: bool = False
    """True when the answer is only a warning."""


class _About(TypedDict, total=False):
    doc: str
    env: str | Env | None
    aliases: tuple[Alias, ...]
    family: Family | Numbered | None
    also: tuple[str, ...]
    yaml: bool
    parse: Callable[[str], Any] | None
    synonyms: Mapping[str, str]
    tidy: Callable[[Any], Any] | None
    unset_when: Callable[[Any], bool] | None
    rules: tuple[Check, ...]
    in_force: bool
    shown: Callable[[Any], str] | None
    secret_keys: bool
    convert: Callable[[Any], Any] | None
    shape: Any
    default_is: str


@frozen(kw_only=True)
class Setting:
    """All that the loader knows of one field beside its type and default."""

    doc: str = ""
    env: str | Env | None = Env.DERIVED
    """The environment variable's name; None when there is none."""
    aliases: tuple[Alias, ...] = ()
    family: Family | Numbered | None = None
    also: tuple[str, ...] = ()
    """Other places of the key in YAML, within its section: `global.enabled`."""
    yaml: bool = True
    """False for what must not stand in a file that people share."""
    parse: Callable[[str], Any] | None = None
    """Reads a type that the loader does not know; ValueError says what the text must be."""
    synonyms: Mapping[str, str] = attrs.field(factory=dict)
    """Other spellings of a Literal's texts."""
    tidy: Callable[[Any], Any] | None = None
    """Brings a value into its usual form before it is checked."""
    unset_when: Callable[[Any], bool] | None = None
    """Values that mean: as if not set."""
    rules: tuple[Check, ...] = ()
    in_force: bool = True
    shown: Callable[[Any], str] | None = None
    """Shows a value that may hold a secret without it."""
    secret_keys: bool = False
    """True when the keys of a mapping are themselves secrets."""
    convert: Callable[[Any], Any] | None = None
    """Makes the field's value of what was read as `shape`."""
    shape: Any = None
    """The type to read, where the field's own differs from it."""
    default_is: str = ""
    """Says where a computed default comes from."""


@overload
def setting(*, default: T, converter: Any = None, **about: Unpack[_About]) -> T: ...
@overload
def setting(*, factory: Callable[[], T], **about: Unpack[_About]) -> T: ...
@overload
def setting(*, derive: Callable[[Any], T], **about: Unpack[_About]) -> T: ...
@overload
def setting(**about: Unpack[_About]) -> Any: ...
def setting(
    *,
    default: object = attrs.NOTHING,
    factory: Callable[[], object] | None = None,
    derive: Callable[[Any], object] | None = None,
    converter: Any = None,
    **about: Unpack[_About],
) -> Any:
    """Declare a field of a settings class; the other arguments are those of `Setting`.

    `derive` computes the default from the instance, of whose fields those above are set.
    `converter` is attrs' own. A block's default instance gives the defaults of its fields.
    """
    if factory is not None:
        default = attrs.Factory(factory)
    if derive is not None:
        default = attrs.Factory(derive, takes_self=True)
    shown = about.get("shown")
    return attrs.field(
        default=default,
        converter=converter,
        repr=shown if shown is not None else True,
        metadata={METADATA: Setting(**about)},
    )


def setting_of(attribute: "attrs.Attribute[Any]") -> Setting:
    """Give what is known of a field; a plain attrs field is a setting without more."""
    return cast(Setting, attribute.metadata.get(METADATA) or Setting())
