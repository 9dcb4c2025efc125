"""What was approved, for those who pay it or look it up."""

from attrs import evolve

from tillway.adapters.stores.memory import MemoryStore
from tillway.core.contracts.samples import refund
from tillway.core.refunds import Refund, RefundState
from tillway.core.services.refunds.approved import approved

MANY = 250


async def _asked(store: MemoryStore, name: str, state: RefundState) -> Refund:
    asked = refund(name, purchase=f"signature-{name}")
    async with store.begin() as unit:
        assert await unit.refunds.add(asked, asked.amount)
        moved = evolve(asked, state=state)
        assert await unit.refunds.move(moved, {RefundState.PENDING})
    return moved


class TestApproved:
    async def test_each_is_given_once_whenever_it_was_asked_for(self) -> None:
        """More of one moment than a page has are all given: none waits for others to be paid."""
        store = MemoryStore()
        ours = [await _asked(store, f"n{n}", RefundState.APPROVED) for n in range(MANY)]
        await _asked(store, "denied", RefundState.DENIED)
        found = [each async for page in approved(store) for each in page]
        assert {each.created_at for each in found} == {ours[0].created_at}
        assert len(found) == MANY
        assert {each.id for each in found} == {each.id for each in ours}
