"""CPU of checking a proof, all rules but no network, against what solders alone would need.

The other side reads the transaction, verifies the buyer's signature, and reads the transfer:
nothing can check less. Every proof is another one, so that nothing is remembered of it.
"""

import asyncio
import itertools
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from attrs import frozen
from solders.message import to_bytes_versioned
from solders.transaction import VersionedTransaction

from bench.bench import Bench
from bench.report import Aim, Report, micros, times
from bench.spread import median
from support.solana_fakes import FakeChain, checker_of
from support.transactions import (
    Draft,
    Move,
    authenticator_of,
    keypair,
    memo,
    proof_of,
    quote_of,
)
from tillway.adapters.x402.check import Checker
from tillway.core.ports.rails import Proof
from tillway.core.quotes import Quote

TITLE: Final = "check: CPU of checking one proof, without the network"
AIM: Final = 2.0
_PROOFS: Final = 1024
_ROUND: Final = 256
_TRANSFER: Final = struct.Struct("<BQB")


@frozen
class Case:
    """A proof and the quote that it pays."""

    proof: Proof
    quote: Quote


def cases(count: int = _PROOFS) -> list[Case]:
    """Make payments of as many buyers, each with a quote of its own."""
    return [_case(number) for number in range(count)]


def _case(number: int) -> Case:
    buyer = keypair(f"buyer {number}")
    quote = quote_of(nonce=number.to_bytes(5, "big"))
    draft = Draft(
        buyer=buyer,
        move=Move(authority=buyer.pubkey()),
        after=(memo(authenticator_of(quote)),),
    )
    return Case(proof_of(draft.raw(), sealed="q1.sealed"), quote)


def raw_check(raw: bytes) -> tuple[bytes, int]:
    """Read, verify and parse with solders and nothing else; give the destination and amount."""
    transaction = VersionedTransaction.from_bytes(raw)
    message = transaction.message
    keys = message.account_keys
    if not transaction.signatures[1].verify(keys[1], to_bytes_versioned(message)):
        raise ValueError("the signature is wrong")
    move = message.instructions[2]
    kind, amount, _ = _TRANSFER.unpack(move.data)
    if kind != 12:
        raise ValueError("no transfer")
    return bytes(keys[move.accounts[2]]), amount


async def full_check(checker: Checker, case: Case) -> None:
    """Check as a payment is checked, on a chain that answers at once."""
    checker.identify(case.proof)
    await checker.check(case.proof, case.quote)


def measure(bench: Bench) -> Iterator[Report]:
    """Let both take turns, and compare the medians."""
    made = cases()
    checker = checker_of(FakeChain())
    loop = asyncio.new_event_loop()
    ours, theirs = _turns(
        bench.seconds,
        made,
        lambda case: loop.run_until_complete(_each(checker, case)),
        lambda some: [raw_check(case.proof.payload) for case in some],
    )
    loop.close()
    yield Report(
        title=TITLE,
        columns=("", "CPU us a check", "checks a second and core"),
        rows=[
            ("solders: from_bytes, Ed25519, transfer", micros(theirs), f"{1 / theirs:,.0f}"),
            ("Tillway: all rules, memo, accounts", micros(ours), f"{1 / ours:,.0f}"),
            ("ratio", times(ours, theirs), times(theirs, ours)),
        ],
        aims=[Aim(f"less than {AIM:.0f} times raw solders", ours < AIM * theirs)],
    )


async def _each(checker: Checker, some: Sequence[Case]) -> None:
    for case in some:
        await full_check(checker, case)


def _turns(
    seconds: float,
    made: Sequence[Case],
    ours: Callable[[Sequence[Case]], object],
    theirs: Callable[[Sequence[Case]], object],
) -> tuple[float, float]:
    spent: dict[int, list[float]] = {0: [], 1: []}
    ends = time.perf_counter() + seconds
    # A whole turn lies between two uses of a proof: more than any cache of ours remembers.
    starts = itertools.cycle(range(0, len(made), _ROUND))
    while time.perf_counter() < ends or len(spent[1]) < 8:
        start = next(starts)
        for side, check in enumerate((ours, theirs)):
            began = time.process_time()
            check(made[start : start + _ROUND])
            spent[side].append((time.process_time() - began) / _ROUND)
    return median(spent[0]), median(spent[1])
