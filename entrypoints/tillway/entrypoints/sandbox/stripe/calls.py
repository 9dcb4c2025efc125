"""A call of the API, and the answers that are lists."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from attrs import frozen

from tillway.entrypoints.sandbox.stripe.account import Account
from tillway.entrypoints.sandbox.stripe.errors import missing
from tillway.entrypoints.sandbox.stripe.read import Reader, fields, moment, text, whole
from tillway.entrypoints.sandbox.stripe.wire import Json

_MOST: Final = 100
_USUAL: Final = 10


@frozen(kw_only=True)
class Call:
    """What was asked: the ids in the path and the parameters as they came, `expand` excepted."""

    path: str
    ids: Mapping[str, str]
    params: Mapping[str, Json]

    @property
    def id(self) -> str:
        """The id in the path."""
        return self.ids["id"]

    def read(self, *required: str, **readers: Reader) -> dict[str, Json]:
        """Read the parameters; Refused for what is wrong, missing or unknown."""
        values: dict[str, Json] = fields(*required, **readers)(dict(self.params), "")
        return values


Does = Callable[[Account, Call], Json]


@frozen
class Route:
    """One verb on one path. It is done at once: nothing comes between its steps."""

    method: str
    path: str
    does: Does


def filters(call: Call, **readers: Reader) -> dict[str, Json]:
    """Read the parameters of a list."""
    return call.read(
        limit=whole(1, _MOST),
        starting_after=text(200),
        ending_before=text(200),
        created=moment,
        **readers,
    )


def listing(call: Call, items: Iterable[Json], asked: Mapping[str, Json]) -> Json:
    """Give a page of a list whose items come newest first."""
    found = [each for each in items if _within(each.get("created"), asked.get("created"))]
    return page(call.path, found, asked)


def page(url: str, found: Sequence[Json], asked: Mapping[str, Json]) -> Json:
    """Cut a page out of a list."""
    limit = asked.get("limit", _USUAL)
    if (before := asked.get("ending_before")) is not None:
        ahead = found[: _place(found, before, "ending_before")]
        return envelope(url, ahead[-limit:], len(ahead) > limit)
    start = 0
    if (after := asked.get("starting_after")) is not None:
        start = _place(found, after, "starting_after") + 1
    return envelope(url, found[start : start + limit], len(found) > start + limit)


def envelope(url: str, data: Sequence[Json], more: bool = False) -> Json:
    """Give a list as Stripe writes one."""
    return {"object": "list", "data": list(data), "has_more": more, "url": url}


def _place(found: Sequence[Json], wanted: str, param: str) -> int:
    for index, each in enumerate(found):
        if each["id"] == wanted:
            return index
    raise missing("object", wanted, param, 400)


def _within(created: int | None, span: Json) -> bool:
    if span is None or created is None:
        return True
    if isinstance(span, int):
        return created == span
    least = max(span.get("gte", 0), span.get("gt", -1) + 1)
    most = min(span.get("lte", 2**60), span.get("lt", 2**60) - 1)
    return bool(least <= created <= most)


def merged(old: Json, new: Json | None) -> Json:
    """Give metadata after a change: an empty text takes a key away, and an empty table all."""
    if new is None:
        return old
    if not new:
        return {}
    return {key: value for key, value in {**old, **new}.items() if value != ""}
