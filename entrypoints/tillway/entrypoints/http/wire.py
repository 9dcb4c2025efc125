"""How the fields of a body look on the wire, said once for reading it and for OpenAPI.

    @frozen(kw_only=True)
    class QuoteRequest:
        \"\"\"What to price.\"\"\"

        resource: str = wire(missing="resource field is required", longest=255)
        coupon_code: str | None = wire(default=None)

A field without a default is required, and of a text that is required an empty one counts as
missing. The name on the wire is the field's in camelCase unless ``name`` says otherwise.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypedDict, TypeVar, Unpack, cast, overload

import attrs
from attrs import frozen

T = TypeVar("T")

METADATA: Final = "tillway.wire"


class _About(TypedDict, total=False):
    name: str
    aliases: tuple[str, ...]
    missing: str
    shortest: int
    longest: int
    least: float
    most: float
    pattern: str
    format: str
    doc: str
    example: object


@frozen(kw_only=True)
class Wire:
    """What is known of a field beside its type and default.

    ``shortest`` and ``longest`` count a text's characters or a list's items; ``pattern`` has to
    match the whole text. ``aliases`` are other names under which the field is read.
    """

    name: str = ""
    aliases: tuple[str, ...] = ()
    missing: str = ""
    shortest: int | None = None
    longest: int | None = None
    least: float | None = None
    most: float | None = None
    pattern: str = ""
    format: str = ""
    doc: str = ""
    example: object = None

    def fault(self, value: object) -> str | None:
        """Say what is wrong with a value of the right type, never repeating it, or None."""
        if isinstance(value, (str, list, tuple)):
            return self._size_fault(value) or self._pattern_fault(value)
        if isinstance(value, (int, float)):
            return self._range_fault(value)
        return None

    def _size_fault(self, value: "str | list[Any] | tuple[Any, ...]") -> str | None:
        what = "characters" if isinstance(value, str) else "items"
        if self.shortest is not None and len(value) < self.shortest:
            return f"must have at least {self.shortest} {what}"
        if self.longest is not None and len(value) > self.longest:
            return f"must have at most {self.longest} {what}"
        return None

    def _pattern_fault(self, value: object) -> str | None:
        if not self.pattern or not isinstance(value, str):
            return None
        return None if re.fullmatch(self.pattern, value) else f"must match {self.pattern}"

    def _range_fault(self, value: float) -> str | None:
        if self.least is not None and value < self.least:
            return f"must be at least {self.least}"
        if self.most is not None and value > self.most:
            return f"must be at most {self.most}"
        return None


@overload
def wire(*, default: T, **about: Unpack[_About]) -> T: ...
@overload
def wire(*, factory: Callable[[], T], **about: Unpack[_About]) -> T: ...
@overload
def wire(**about: Unpack[_About]) -> Any: ...
def wire(
    *,
    default: object = attrs.NOTHING,
    factory: Callable[[], object] | None = None,
    **about: Unpack[_About],
) -> Any:
    """Declare a field of a body's class; the other arguments are those of `Wire`."""
    if factory is not None:
        default = attrs.Factory(factory)
    return attrs.field(default=default, metadata={METADATA: Wire(**about)})


def wire_of(attribute: "attrs.Attribute[Any]") -> Wire:
    """Give what is known of a field; a plain attrs field has no bounds."""
    return cast(Wire, attribute.metadata.get(METADATA) or _PLAIN)


def name_of(attribute: "attrs.Attribute[Any]") -> str:
    """Give the field's name on the wire."""
    return wire_of(attribute).name or camel(attribute.name)


def required(attribute: "attrs.Attribute[Any]") -> bool:
    """Tell whether the field has to be there."""
    return attribute.default is attrs.NOTHING


def names_of(kind: type) -> Mapping[str, str]:
    """Give the names on the wire of a class's fields, by the fields' own."""
    return {attribute.name: name_of(attribute) for attribute in attrs.fields(kind)}


def camel(name: str) -> str:
    """Turn `coupon_code` into `couponCode`."""
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)


_PLAIN: Final = Wire()
