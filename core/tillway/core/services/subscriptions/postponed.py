"""Subscriptions that could not be looked after, and are left alone for a while."""

from collections.abc import Set
from datetime import datetime, timedelta
from typing import Final

from attrs import define, field, frozen

from tillway.core.ids import SubscriptionId
from tillway.core.subscriptions import Subscription

FIRST: Final = timedelta(minutes=1)
LONGEST: Final = timedelta(hours=1)
MOST: Final = 10_000
"""How many are remembered; beyond that the longest remembered are tried again at once."""

Mark = tuple[SubscriptionId, int]
"""A subscription at a version: one that has changed is looked after at once."""


@frozen
class _Pause:
    until: datetime
    length: timedelta


@define
class Postponed:
    """What this process has failed with. What is due stays so, for others and for reports."""

    _pauses: dict[Mark, _Pause] = field(factory=dict, init=False)

    def add(self, subscription: Subscription, now: datetime) -> None:
        """Leave one alone, twice as long as the last time."""
        mark = (subscription.id, subscription.version)
        last = self._pauses.pop(mark, None)
        length = FIRST if last is None else min(2 * last.length, LONGEST)
        self._pauses[mark] = _Pause(now + length, length)
        while len(self._pauses) > MOST:
            del self._pauses[next(iter(self._pauses))]

    def waiting(self, now: datetime) -> Set[Mark]:
        """Give those whose pauses are not over. What was not tried again for long is forgotten."""
        for mark in [one for one, pause in self._pauses.items() if now > pause.until + LONGEST]:
            del self._pauses[mark]
        return {mark for mark, pause in self._pauses.items() if now < pause.until}
