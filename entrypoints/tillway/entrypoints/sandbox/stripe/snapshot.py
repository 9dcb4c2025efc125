"""An account as bytes, and back: what `--data-dir` keeps between two runs."""

import hashlib
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import orjson

from tillway.entrypoints.sandbox.stripe.account import Account
from tillway.entrypoints.sandbox.stripe.agenda import Agenda
from tillway.entrypoints.sandbox.stripe.wire import Json

_MAGIC: Final = b"tillway-stripe-1\n"


class BadAccount(ValueError):
    """The bytes are no account of this version, or not a whole one."""


def dump(account: Account) -> bytes:
    """Write everything that an account is, and what its keys remember."""
    state = {
        "shelves": account.shelves.state(),
        "agenda": account.agenda.entries,
        "failing": account.failing,
        "remembered": account.remembered.state(),
    }
    body = zlib.compress(orjson.dumps(state), 1)
    return _MAGIC + hashlib.sha256(body).digest() + body


def load(data: bytes, clock: Callable[[], float]) -> Account:
    """Read an account, which catches up with the clock at its first call; raises BadAccount."""
    state = _checked(data)
    try:
        agenda = Agenda(entries=[(at, number, *what) for at, number, *what in state["agenda"]])
        account = Account(clock=clock, agenda=agenda, failing=dict(state["failing"]))
        account.shelves.restore(state["shelves"])
        account.remembered.restore(state["remembered"])
    except (KeyError, TypeError, ValueError) as error:
        raise BadAccount("the account's content does not fit") from error
    return account


def _checked(data: bytes) -> Json:
    start = len(_MAGIC)
    digest, body = data[start : start + 32], data[start + 32 :]
    if data[:start] != _MAGIC or hashlib.sha256(body).digest() != digest:
        raise BadAccount("no account of this version, or not a whole one")
    return orjson.loads(zlib.decompress(body))


def save(account: Account, path: Path) -> None:
    """Write the account to a file, whole or not at all; raises OSError."""
    made = path.with_suffix(".new")
    made.touch(mode=0o600)
    made.write_bytes(dump(account))
    made.replace(path)
