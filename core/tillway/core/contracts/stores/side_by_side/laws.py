"""The law that every store answers like the one in memory."""

from typing import Final

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tillway.core.contracts.stores.side_by_side.machine import Pair, StoreMachine
from tillway.core.contracts.stores.steps import count

_STEPS: Final = count(40, 60)
_EXAMPLES: Final = count(8, 160)


class SideBySideLaws:
    """All repositories, alone and together, at random: see ``Pair`` for the fixture."""

    def test_every_answer_is_the_trusted_stores(self, pair: Pair) -> None:
        """Call by call both stores answer the same, and what always holds holds of both."""
        machine = StoreMachine.over(pair)
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=_EXAMPLES,
                stateful_step_count=_STEPS,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
        assert machine.made.total() >= count(200, 20_000)
