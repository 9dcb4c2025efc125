"""What a simulation says about a payment that has passed every rule.

It is a test of viability, not of security: a node may lie, and the chain may move on.
"""

from collections.abc import Mapping

from tillway.adapters.x402.answers import Simulation
from tillway.adapters.x402.errors import explain
from tillway.adapters.x402.reasons import Reason, refused
from tillway.core.errors import Code, Declined

_ABOUT_TOKENS = frozenset({Code.INSUFFICIENT_FUNDS_TOKEN, Code.MISSING_TOKEN_ACCOUNT})


def refusal_of(simulation: Simulation, transfer_place: int, *, sponsored: bool) -> Declined:
    """Say why the transaction would fail, in the buyer's terms.

    Only the transfer itself can speak of tokens: the same number from another instruction is
    another program's error.
    """
    told = explain(simulation.err, simulation.logs, sponsored=sponsored)
    code = told.code
    place = place_of(simulation.err)
    if code in _ABOUT_TOKENS and place != transfer_place:
        code = Code.TRANSACTION_FAILED
    return refused(Reason.SIMULATION, told.message, code=code)


def place_of(err: object) -> int | None:
    """Give the index of the instruction that failed, None if it was none."""
    inner = err.get("InstructionError") if isinstance(err, Mapping) else None
    return inner[0] if isinstance(inner, list) and inner and isinstance(inner[0], int) else None
