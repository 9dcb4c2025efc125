"""Ask a provider which of two things that it told of one second is the later one."""

import logging

from tillway.core.errors import TillwayError, Unavailable
from tillway.core.ports.hosting import HostedSubscription, HostsSubscriptions, SubscriptionAsked
from tillway.core.ports.subscribing import Undecided
from tillway.core.services.rails import Rails

_log = logging.getLogger(__name__)


async def answer(
    rails: Rails, source: str, question: Undecided, *, patient: bool
) -> SubscriptionAsked:
    """Give how the subscription stands now, as the provider says.

    Raises Unavailable where it does not answer and who asks is ``patient``. Of one that refuses,
    or keeps silent for too long, nothing is learned.
    """
    try:
        found = await _standing(rails, source, question.told.subscription.id)
    except Unavailable:
        if patient:
            raise
        found = None
    except TillwayError as refused:
        _log.warning("%s does not tell how a subscription stands: %s", source, refused)
        found = None
    return SubscriptionAsked(told=question.told, since=question.version, subscription=found)


async def _standing(rails: Rails, source: str, subscription: str) -> HostedSubscription | None:
    for rail in rails.all:
        if rail.name == source and isinstance(rail, HostsSubscriptions):
            return await rail.subscription(subscription)
    return None
