"""Pools of database connections."""

from datetime import timedelta
from typing import Any

import attrs
from attrs import frozen

from tillway.plugins.rules import is_not_positive
from tillway.plugins.setting import setting


def _at_most_open(idle: int, pool: Any) -> int:
    return min(idle, int(pool.max_open_conns))


@frozen(kw_only=True)
class Pool:
    """How many connections a database gets, and for how long. Zero or less is the default."""

    max_open_conns: int = setting(
        default=25, env=None, unset_when=is_not_positive, doc="The most connections at once."
    )
    max_idle_conns: int = setting(
        default=5,
        env=None,
        unset_when=is_not_positive,
        converter=attrs.Converter(_at_most_open, takes_self=True),
        doc="The most that stay open unused; never more than `max_open_conns`.",
    )
    conn_max_lifetime: timedelta = setting(
        default=timedelta(minutes=5),
        env=None,
        unset_when=is_not_positive,
        doc="How old a connection may become.",
    )
