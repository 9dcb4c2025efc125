"""Verify the log and the ledger: every seal, every entry, every balance.

The chain shows that nothing was changed, removed or put in between since its head was known;
the entries must balance, and the accounts must be what the entries make them.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from attrs import define, field, frozen

from tillway.core.events import LEDGER_ENTRY, Event
from tillway.core.ledger import EntryKey, sums
from tillway.core.ports.heads import KnowsHeads
from tillway.core.ports.store import Link, Sealed, Store, View
from tillway.core.sealing import seal_of
from tillway.core.services.books.sequencing import HEAD, words_of
from tillway.core.tenancy import Tenant

_PAGE = 500
_MOST_FAULTS = 100
_MOST_UNSEALED = 100_000
_MOST_REMEMBERED = 100_000
"""Seals that a published head may still tell of: it is told soon after its fact."""


@frozen(kw_only=True)
class Known:
    """A head that somebody has seen before and kept."""

    tenant: Tenant
    number: int
    seal: str


@define(kw_only=True)
class Report:
    """What was found. ``faults`` are at most 100; ``more`` counts the others.

    ``unsealed_since`` is the time of the oldest fact that has no seal yet.
    """

    facts: int = 0
    entries: int = 0
    accounts: int = 0
    heads: dict[Tenant, Link] = field(factory=dict)
    signed: dict[Tenant, int] = field(factory=dict)
    unsealed: int = 0
    unsealed_since: datetime | None = None
    faults: list[str] = field(factory=list)
    more: int = 0

    @property
    def is_sound(self) -> bool:
        """Tell whether nothing is wrong."""
        return not self.faults

    def fault(self, text: str) -> None:
        """Note what is wrong."""
        if len(self.faults) < _MOST_FAULTS:
            self.faults.append(text)
        else:
            self.more += 1


@define(kw_only=True)
class Audit:
    """Go through a store's log from its beginning.

    ``tell`` is called with how many facts were verified and how many there are. ``known`` are
    heads to be met on the way. Heads that were published are verified by their signatures.
    """

    store: Store
    signatures: KnowsHeads
    known: Iterable[Known] = ()
    tell: Callable[[int, int], None] = field(default=lambda done, of: None)
    _report: Report = field(factory=Report, init=False)
    _totals: defaultdict[tuple[Tenant, str], int] = field(
        factory=lambda: defaultdict(int), init=False
    )
    _passed: dict[tuple[Tenant, int], str] = field(factory=dict, init=False)
    _wanted: dict[tuple[Tenant, int], str] = field(init=False)
    _position: int = field(default=0, init=False)

    @_wanted.default
    def _make_wanted(self) -> dict[tuple[Tenant, int], str]:
        return {(one.tenant, one.number): one.seal for one in self.known}

    async def run(self) -> Report:
        """Verify everything, and say what was found. Reads only; a gateway may run meanwhile."""
        async with self.store.view(once=True) as view:
            last = await view.events.last()
        end = 0 if last is None else last.position
        while self._position < end:
            async with self.store.view() as view:
                if not await self._page(view):
                    break
            self.tell(self._report.facts, end)
        await self._finish()
        return self._report

    async def _page(self, view: View) -> bool:
        page = await view.events.after(self._position, _PAGE)
        for sealed in page:
            self._verify(sealed)
            await self._count(view, sealed.event)
        return bool(page)

    def _verify(self, sealed: Sealed) -> None:
        link, event, report = sealed.link, sealed.event, self._report
        if link.position != self._position + 1:
            report.fault(f"positions {self._position + 1} to {link.position - 1} are missing")
        self._position = link.position
        before = report.heads.get(link.tenant)
        number, seal = (0, "") if before is None else (before.number, before.seal)
        if link.number != number + 1:
            report.fault(f"{link.tenant}: fact {number + 1} is missing before {link.number}")
        if seal_of(seal, link.number, event) != link.seal:
            report.fault(f"{link.tenant}: fact {link.number} ({event.id}) is not what was sealed")
        report.heads[link.tenant] = link
        report.facts += 1
        self._meet(link)
        if event.type == HEAD:
            self._believe(event, link)

    def _meet(self, link: Link) -> None:
        """Compare with a head that was known before."""
        wanted = self._wanted.pop((link.tenant, link.number), None)
        if wanted is not None and wanted != link.seal:
            self._report.fault(f"{link.tenant}: fact {link.number} has another seal than known")
        self._passed[link.tenant, link.number] = link.seal
        if len(self._passed) > _MOST_REMEMBERED:
            del self._passed[next(iter(self._passed))]

    def _believe(self, event: Event, link: Link) -> None:
        """Verify a head that was published: it is of a fact that came before it."""
        body = event.body
        head = Link(
            position=_whole(body.get("position")),
            tenant=event.tenant,
            number=_whole(body.get("number")),
            fact=event.id,
            seal=str(body.get("seal")),
        )
        signed = self.signatures.is_signed(
            str(body.get("publicKey")), words_of(head), str(body.get("signature"))
        )
        if not signed:
            self._report.fault(f"{event.tenant}: {event.id} is not signed by the key it names")
        elif self._passed.get((event.tenant, head.number), head.seal) != head.seal:
            self._report.fault(f"{event.tenant}: {event.id} tells another seal than is there")
        else:
            self._report.signed[event.tenant] = head.number

    async def _count(self, view: View, event: Event) -> None:
        """Add an entry's postings to the accounts that it changes."""
        if event.type != LEDGER_ENTRY:
            return
        key = EntryKey(str(event.body["key"]))
        try:
            entry = await view.ledger.entry(event.tenant, key)
        except ValueError as error:  # an entry that does not balance cannot be made
            self._report.fault(f"{event.tenant}: entry {key}: {error}")
            return
        if entry is None or any(sums(entry.postings).values()):
            self._report.fault(f"{event.tenant}: entry {key} cannot be read")
            return
        self._report.entries += 1
        for posting in entry.postings:
            name = f"{posting.account}:{posting.amount.asset.code}"
            self._totals[event.tenant, name] += posting.amount.minor

    async def _finish(self) -> None:
        """Take in what came meanwhile, and compare the accounts, at one moment."""
        async with self.store.view() as view:
            while await self._page(view):
                pass
            tenants = set(self._report.heads)
            for event in await self._unsealed(view):
                tenants.add(event.tenant)
                await self._count(view, event)
            for tenant in sorted(tenants):
                await self._compare(view, tenant)
        for tenant, number in self._wanted:
            self._report.fault(f"{tenant}: fact {number}, which was known, is not there")

    async def _unsealed(self, view: View) -> Iterable[Event]:
        found = await view.events.unsealed(_MOST_UNSEALED)
        self._report.unsealed = len(found)
        self._report.unsealed_since = min((event.at for event in found), default=None)
        return found

    async def _compare(self, view: View, tenant: Tenant) -> None:
        after, seen = "", set[str]()
        sum_of: defaultdict[str, int] = defaultdict(int)
        while page := await view.ledger.balances(tenant, _PAGE, after):
            for name, money in page:
                seen.add(name)
                sum_of[money.asset.code] += money.minor
                if money.minor != self._totals.get((tenant, name), 0):
                    self._report.fault(f"{tenant}: {name} holds {money}, its entries say otherwise")
            after = page[-1][0]
        self._report.accounts += len(seen)
        self._miss(tenant, seen)
        self._unbalanced(tenant, sum_of)

    def _miss(self, tenant: Tenant, seen: set[str]) -> None:
        for (whose, name), total in self._totals.items():
            if whose == tenant and total and name not in seen:
                self._report.fault(f"{tenant}: {name} is missing")

    def _unbalanced(self, tenant: Tenant, sum_of: Mapping[str, int]) -> None:
        for code, total in sum_of.items():
            if total:
                self._report.fault(f"{tenant}: all accounts of {code} come to {total}, not to 0")


def _whole(value: object) -> int:
    return value if isinstance(value, int) else -1
