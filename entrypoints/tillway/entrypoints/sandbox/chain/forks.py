"""What a fork undoes: the chain goes on without a block that was confirmed, not final."""

from collections import Counter
from collections.abc import Callable, Iterator

from solders.account import Account
from solders.pubkey import Pubkey

from tillway.entrypoints.sandbox.chain import tokens
from tillway.entrypoints.sandbox.chain.ledger import Landed

_AMOUNT = slice(64, 72)  # of a token account, little-endian


def undone(
    record: Landed, account: Callable[[Pubkey], Account | None]
) -> Iterator[tuple[Pubkey, Account]]:
    """Give the accounts of a transaction as they would be without it."""
    keys = record.keys.all
    lamports, amounts = _lamports(record), _amounts(record)
    for place in sorted({*lamports, *amounts}):
        found = account(keys[place])
        if found is not None:
            yield keys[place], _without(found, lamports[place], amounts[place])


def _lamports(record: Landed) -> Counter[int]:
    before, after = record.details.lamports
    pairs = enumerate(zip(before, after, strict=True))
    return Counter({place: end - start for place, (start, end) in pairs if end != start})


def _amounts(record: Landed) -> Counter[int]:
    before, after = record.details.holdings
    changes = Counter({held.index: held.amount for held in after})
    changes.subtract({held.index: held.amount for held in before})
    return changes


def _without(account: Account, lamports: int, amount: int) -> Account:
    data = bytearray(account.data)
    if amount and tokens.is_token_account(account):
        left = int.from_bytes(data[_AMOUNT], "little") - amount
        data[_AMOUNT] = left.to_bytes(8, "little")
    return Account(account.lamports - lamports, bytes(data), account.owner)
