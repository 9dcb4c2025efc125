"""A chain as bytes, and back: what `--data-dir` keeps between two runs."""

import hashlib
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

import orjson
from solders.account import Account
from solders.pubkey import Pubkey

from tillway.entrypoints.sandbox.chain.ledger import Landed, Run
from tillway.entrypoints.sandbox.chain.slots import Slots
from tillway.entrypoints.sandbox.chain.svm import Chain
from tillway.entrypoints.sandbox.chain.wire import Json, RpcError, base64_bytes, base64_text

_MAGIC: Final = b"tillway-chain-1\n"
_HISTORY: Final = 50_000  # transactions; older ones can no longer be asked for


class BadSnapshot(ValueError):
    """The bytes are not a snapshot of this version, or not a whole one."""


def dump(chain: Chain) -> bytes:
    """Write everything that a chain is, but for transactions still on their way."""
    chain.tick()
    body = zlib.compress(orjson.dumps(_state(chain)))
    return _MAGIC + hashlib.sha256(body).digest() + body


def _state(chain: Chain) -> Json:
    return {
        "cluster": chain.cluster,
        "slot_ms": chain.slot_ms,
        "confirm_delay_ms": chain.confirm_delay_ms,
        "kept": chain.kept,
        "seed": chain.seed.hex(),
        "first": chain.slots.first,
        "origin": chain.slots.origin,
        "slot": chain.slots.now,
        "total": chain.landings.total,
        "ran": [[key.hex(), slot] for key, slot in chain.ran.all().items()],
        "landed": [_landed(record) for record in chain.landings.all()[-_HISTORY:]],
        "accounts": [
            _account(address, account)
            for address in chain.touched()
            if (account := chain.account(address)) is not None
        ],
    }


def _landed(record: Landed) -> Json:
    sides = [[str(key) for key in side] for side in (record.writable, record.readonly)]
    bodies = [base64_text(record.wire), base64_text(record.packed)]
    return [record.signature, record.slot, record.at, record.err, *bodies, *sides]


def _account(address: Pubkey, account: Account) -> Json:
    data = base64_text(bytes(account.data))
    return [str(address), account.lamports, data, str(account.owner), account.executable]


def load(data: bytes, clock: Callable[[], float]) -> Chain:
    """Read a chain that goes on where it ended; raises BadSnapshot.

    The time since then has passed on the chain too. Where the clock went back, the chain
    goes on from its last slot.
    """
    state = _checked(data)
    try:
        chain = _chain(state, clock)
        for address, lamports, body, owner, executable in state["accounts"]:
            account = Account(lamports, base64_bytes(body), Pubkey.from_string(owner), executable)
            chain.put(Pubkey.from_string(address), account)
        for fields in state["landed"]:
            record = _record(fields, chain.now)
            chain.landings.add(record, record.keys)
        for key, slot in state["ran"]:
            chain.ran.add(bytes.fromhex(key), Run(slot, chain.slots.time_of(slot)))
        chain.landings.total = state["total"]
    except (KeyError, TypeError, ValueError, RpcError) as error:
        raise BadSnapshot("the snapshot's content does not fit") from error
    return chain


def _checked(data: bytes) -> Json:
    start = len(_MAGIC)
    digest, body = data[start : start + 32], data[start + 32 :]
    if data[:start] != _MAGIC or hashlib.sha256(body).digest() != digest:
        raise BadSnapshot("not a snapshot of this version, or not a whole one")
    return orjson.loads(zlib.decompress(body))


def _chain(state: Json, clock: Callable[[], float]) -> Chain:
    seed = bytes.fromhex(state["seed"])
    slots = Slots(
        clock=clock,
        seed=seed,
        slot_ms=state["slot_ms"],
        first=state["first"],
        origin=state["origin"],
    )
    if slots.at_time(clock()) < state["slot"]:
        slots = Slots(clock=clock, seed=seed, slot_ms=state["slot_ms"], first=state["slot"])
    settings = {key: state[key] for key in ("cluster", "slot_ms", "confirm_delay_ms", "kept")}
    chain = Chain(clock=clock, seed=seed, slots=slots, **settings)
    chain.tick()
    return chain


def _record(fields: Json, now: float) -> Landed:
    signature, slot, at, err, wire, packed, *sides = fields
    writable, readonly = (tuple(map(Pubkey.from_string, side)) for side in sides)
    return Landed(
        signature=signature,
        slot=slot,
        at=min(at, now),
        wire=base64_bytes(wire),
        writable=writable,
        readonly=readonly,
        err=err,
        packed=base64_bytes(packed),
    )


def save(chain: Chain, path: Path) -> None:
    """Write the snapshot to a file, whole or not at all; raises OSError."""
    with NamedTemporaryFile(dir=path.parent, prefix=path.name, delete=False) as file:
        try:
            file.write(dump(chain))
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
