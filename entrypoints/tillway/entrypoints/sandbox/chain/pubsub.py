"""PubSub: subscriptions to signatures, accounts and slots, pushed when their time comes."""

import asyncio
import heapq
import itertools
from collections import defaultdict
from collections.abc import Callable
from typing import Final

from attrs import Factory, define, field
from solders.pubkey import Pubkey

from tillway.entrypoints.sandbox.chain.ledger import Landed
from tillway.entrypoints.sandbox.chain.methods.state import shown
from tillway.entrypoints.sandbox.chain.node import Node
from tillway.entrypoints.sandbox.chain.params import Commitment, Config
from tillway.entrypoints.sandbox.chain.slots import FINALITY
from tillway.entrypoints.sandbox.chain.wire import Json

# No timer sleeps for longer: the clock may jump, and faults may be lifted.
_HEARTBEAT: Final = 0.05
_SOON: Final = 0.001

Notify = Callable[[Json], None]
Topic = tuple[str, str]

SIGNATURE: Final = "signature"
ACCOUNT: Final = "account"
SLOT: Final = "slot"


@define(eq=False, kw_only=True)
class Subscription:
    """A wish to be told about a topic. `gone` is called when it has served its purpose."""

    number: int
    topic: Topic
    config: Config
    notify: Notify
    gone: Callable[[int], None]
    live: bool = True

    @property
    def level(self) -> Commitment:
        """How sure the node must be before it tells."""
        return self.config.commitment


@define(eq=False)
class Hub:
    """Matches what happens on a node's chain with who wants to know.

    Nothing is polled per subscription: a landing finds its subscriptions by topic and
    puts them on one queue, ordered by the time at which they are to be told.
    """

    node: Node
    _topics: dict[Topic, dict[int, Subscription]] = field(
        default=Factory(lambda: defaultdict(dict)), init=False
    )
    _due: list[tuple[float, int, Subscription, Landed]] = field(factory=list, init=False)
    _numbers: "itertools.count[int]" = field(factory=lambda: itertools.count(1), init=False)
    _order: "itertools.count[int]" = field(factory=itertools.count, init=False)
    _told_slot: int = field(default=0, init=False)
    _watched: int = field(default=0, init=False)  # accounts: their names are costly to write
    _wanted: asyncio.Event = field(factory=asyncio.Event, init=False)

    def open(self) -> None:
        """Begin to hear of landings."""
        self.node.chain.on_landed.append(self._landed)

    def close(self) -> None:
        """Hear no more."""
        self.node.chain.on_landed.remove(self._landed)

    async def run(self) -> None:
        """Tell what is due, until cancelled; sleeps while nobody is subscribed."""
        while True:
            await self._wanted.wait()
            await asyncio.sleep(self._pause())
            self.node.chain.tick()
            self.beat()

    def _pause(self) -> float:
        if not self._due:
            return _HEARTBEAT
        return min(max(self._due[0][0] - self.node.chain.now, _SOON), _HEARTBEAT)

    def subscribe(
        self, topic: Topic, config: Config, notify: Notify, gone: Callable[[int], None]
    ) -> Subscription:
        """Add a subscription; nothing is told before it is armed."""
        made = Subscription(
            number=next(self._numbers), topic=topic, config=config, notify=notify, gone=gone
        )
        if not self._topics:
            self._told_slot = self.node.slot()
        self._topics[topic][made.number] = made
        self._watched += topic[0] == ACCOUNT
        self._wanted.set()
        return made

    def arm(self, subscription: Subscription) -> None:
        """Tell at once what has already happened: a signature may have landed before."""
        kind, subject = subscription.topic
        record = self.node.find(subject) if kind == SIGNATURE else None
        if record is not None:
            self._expect(subscription, record)

    def drop(self, subscription: Subscription) -> None:
        """Remove a subscription; a repeat does nothing."""
        if not subscription.live:
            return
        subscription.live = False
        self._watched -= subscription.topic[0] == ACCOUNT
        wishes = self._topics[subscription.topic]
        del wishes[subscription.number]
        if not wishes:
            del self._topics[subscription.topic]
        if not self._topics:
            self._wanted.clear()

    def _landed(self, record: Landed) -> None:
        topics = [(SIGNATURE, record.signature)]
        if self._watched:
            topics += [(ACCOUNT, str(key)) for key in record.keys.all]
        for topic in topics:
            for subscription in list(self._topics.get(topic, {}).values()):
                self._expect(subscription, record)

    def _expect(self, subscription: Subscription, record: Landed) -> None:
        if self.node.reached(record, subscription.level):
            self._tell(subscription, record)
        else:
            self._push(self._when(record, subscription.level), subscription, record)

    def _push(self, when: float, subscription: Subscription, record: Landed) -> None:
        heapq.heappush(self._due, (when, next(self._order), subscription, record))

    def _when(self, record: Landed, level: Commitment) -> float:
        chain = self.node.chain
        late = self.node.faults.behind_slots * chain.slot_ms / 1000
        if level is Commitment.finalized:
            return chain.slots.time_of(record.slot + FINALITY) + late
        delay = chain.confirm_delay_ms / 1000 if level is Commitment.confirmed else 0
        return record.at + delay + late

    def beat(self) -> None:
        """Tell everything that is due by the chain's present time."""
        self._tell_slots()
        now = self.node.chain.now
        while self._due and self._due[0][0] <= now:
            _, _, subscription, record = heapq.heappop(self._due)
            if not subscription.live:
                continue
            if self.node.reached(record, subscription.level):
                self._tell(subscription, record)
            else:
                self._push(now + _HEARTBEAT, subscription, record)

    def _tell(self, subscription: Subscription, record: Landed) -> None:
        if self.node.faults.mute:
            return
        if subscription.topic[0] == SIGNATURE:
            subscription.notify(self._answer(subscription, {"err": record.err}))
            # A signature's story ends with its first notification (Agave does the same).
            self.drop(subscription)
            subscription.gone(subscription.number)
        else:
            subscription.notify(self._answer(subscription, self._account(subscription)))

    def _answer(self, subscription: Subscription, value: Json) -> Json:
        return {"context": {"slot": self.node.slot(subscription.level)}, "value": value}

    def _account(self, subscription: Subscription) -> Json:
        address = Pubkey.from_string(subscription.topic[1])
        return shown(self.node, self.node.chain.account(address), subscription.config)

    def _tell_slots(self) -> None:
        slot = self.node.slot()
        if slot <= self._told_slot:
            return
        self._told_slot = slot
        news = {"parent": slot - 1, "root": slot - FINALITY, "slot": slot}
        for subscription in list(self._topics.get((SLOT, ""), {}).values()):
            if not self.node.faults.mute:
                subscription.notify(news)
