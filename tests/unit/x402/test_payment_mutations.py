"""Payments changed at random: refused, unless what counts is unchanged.

What counts is judged by a second, plain reading of the transaction through the library.
"""

import random
import struct
from collections.abc import Awaitable, Callable

from hypothesis import given, settings
from hypothesis import strategies as st
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from support.solana_fakes import FakeChain, checker_of
from support.transactions import (
    BUYER,
    MEMO_TEXT,
    OTHER_SPONSOR,
    PAYER,
    PRICE,
    SELLER,
    SPONSOR,
    STRANGER,
    Draft,
    Move,
    account_of,
    advance_nonce,
    at,
    close_account,
    lamports_from,
    lighthouse,
    memo,
    mint_of,
    proof_of,
    quote_of,
    resigned,
    self_paid,
    unit_limit,
    unit_price,
    wire,
)
from tillway.adapters.x402.programs import COMPUTE_BUDGET, LIGHTHOUSE, MEMO, TOKEN, TOKEN_2022
from tillway.adapters.x402.reasons import Reason
from tillway.core.assets import PYUSD, USDC
from tillway.core.contracts.counts import count
from tillway.core.errors import Declined

EXAMPLES = count(150, 5_000)
SPONSORED = [
    Draft(legacy=legacy, after=after).raw()
    for legacy in (False, True)
    for after in ((memo(),), (), (memo(), lighthouse(at(PAYER, signs=True))))
]
OWN = [self_paid(), self_paid([memo(), Move().plain()], legacy=True)]
REASONS = frozenset(reason.value for reason in Reason)

Check = Callable[[bytes], Awaitable[bool]]


async def is_taken(raw: bytes, *, version: int) -> bool:
    """Check a proof; whatever is refused has a reason of x402, and nothing else is raised."""
    chain = FakeChain()
    try:
        await checker_of(chain).check(proof_of(raw, version=version), quote_of())
        reason = None
    except Declined as declined:
        reason = declined.reason
    assert reason is None or reason in REASONS
    asked = ["has run", "simulate"] if version == 0 else ["simulate"]
    assert sorted(chain.asked) == ([] if reason else asked)
    return reason is None


def pays(raw: bytes) -> bool:
    """Read a transaction plainly: the one transfer to us is the buyer's and is the quoted sum."""
    transaction = VersionedTransaction.from_bytes(raw)
    message = transaction.message
    keys = message.account_keys
    moved = []
    for one in message.instructions:
        accounts = [keys[place] for place in bytes(one.accounts)]
        data = bytes(one.data)
        if bytes(keys[one.program_id_index]) not in (TOKEN, TOKEN_2022) or not data:
            continue
        if data[0] == 12:
            amount, decimals = struct.unpack("<QB", data[1:10])
            if bytes(accounts[2]) == account_of(SELLER):
                assert (bytes(accounts[1]), decimals) == (mint_of(USDC), 6)
            moved.append((amount, bytes(accounts[2]), keys.index(accounts[3])))
        elif data[0] == 3:
            (amount,) = struct.unpack("<Q", data[1:9])
            moved.append((amount, bytes(accounts[1]), keys.index(accounts[2])))
    ours = [one for one in moved if one[1] == account_of(SELLER)]
    verified = transaction.verify_with_results()
    return len(ours) == 1 and ours[0][0] == PRICE and verified[ours[0][2]]


def is_safe_to_sign(raw: bytes) -> bool:
    """Read what our key would sign: a bounded fee, and our key in no program's hands."""
    message = VersionedTransaction.from_bytes(raw).message
    keys = message.account_keys
    programs = {bytes(keys[one.program_id_index]) for one in message.instructions}
    used = {place for one in message.instructions for place in bytes(one.accounts)}
    data = [bytes(one.data) for one in message.instructions]
    units, price = struct.unpack("<I", data[0][1:])[0], struct.unpack("<Q", data[1][1:])[0]
    return (
        keys[0] in (SPONSOR.pubkey(), OTHER_SPONSOR.pubkey())
        and message.header.num_required_signatures == 2
        and 0 not in used
        and programs <= {COMPUTE_BUDGET, TOKEN, TOKEN_2022, LIGHTHOUSE, MEMO}
        and units * price <= 20_000 * 1_000_000
    )


def flipped(raw: bytes, chance: random.Random) -> bytes:
    """Change up to four bytes behind the signatures, or cut, or put something in."""
    changed = bytearray(raw)
    start = 1 + 64 * raw[0]
    for _ in range(chance.randint(1, 4)):
        changed[chance.randrange(start, len(changed))] = chance.randrange(256)
    kind = chance.randrange(8)
    place = chance.randrange(start, len(changed))
    if kind == 0:
        del changed[place:]
    elif kind == 1:
        changed[place:place] = chance.randbytes(chance.randint(1, 40))
    return bytes(changed)


INSTRUCTIONS = [
    unit_limit(),
    unit_limit(400_000),
    unit_limit(1_400_000),
    unit_price(),
    unit_price(50_000),
    unit_price(5_000_000),
    Move().checked(),
    Move().checked(),
    Move(amount=1).checked(),
    Move(authority=SPONSOR.pubkey()).checked(),
    Move(destination=account_of(STRANGER.pubkey())).checked(),
    Move(asset=PYUSD).checked(),
    Move(tail=b"\0").checked(),
    Move().plain(),
    memo(),
    memo(),
    memo("foreign"),
    memo(MEMO_TEXT, PAYER),
    memo(MEMO_TEXT, SPONSOR.pubkey()),
    memo(MEMO_TEXT, STRANGER.pubkey()),
    memo(b"\xff"),
    lighthouse(at(PAYER)),
    lighthouse(at(SPONSOR.pubkey())),
    lamports_from(SPONSOR.pubkey(), PAYER, 10**9),
    lamports_from(PAYER, SELLER),
    close_account(account_of(PAYER), PAYER, PAYER),
    advance_nonce(Pubkey(bytes(range(32))), PAYER),
]
GOOD = [unit_limit(), unit_price(), Move().checked(), memo(), lighthouse(at(PAYER))]


def woven(
    base: list[Instruction], more: list[Instruction], place: int, *, turned: bool
) -> list[Instruction]:
    """Put instructions into others at a place, and perhaps turn the whole round."""
    found = [*base[:place], *more, *base[place:]]
    return found[::-1] if turned else found


RUNS = st.builds(
    woven,
    st.sampled_from([GOOD[:3], GOOD[:4], GOOD, [Move().checked(), memo()], []]),
    st.lists(st.sampled_from(INSTRUCTIONS), max_size=4),
    st.integers(0, 5),
    turned=st.sampled_from([False, False, False, True]),
)
SEEDS = st.integers(0, 2**32)


class TestBytes:
    @settings(max_examples=EXAMPLES, deadline=None)
    @given(raw=st.sampled_from(SPONSORED + OWN), seed=SEEDS, version=st.integers(0, 2))
    async def test_changed_bytes_are_refused(self, raw: bytes, seed: int, version: int) -> None:
        """The buyer's signature covers every byte of the message."""
        changed = flipped(raw, random.Random(seed))
        taken = await is_taken(changed, version=version)
        assert not taken or changed == raw

    @settings(max_examples=EXAMPLES, deadline=None)
    @given(raw=st.sampled_from(SPONSORED), seed=SEEDS, version=st.integers(1, 2))
    async def test_changed_and_signed_again(self, raw: bytes, seed: int, version: int) -> None:
        """A buyer may sign what he likes: taken only if it pays, and is safe for our key."""
        changed = resigned(flipped(raw, random.Random(seed)), BUYER)
        if await is_taken(changed, version=version):
            assert pays(changed)
            assert is_safe_to_sign(changed)

    @settings(max_examples=EXAMPLES, deadline=None)
    @given(raw=st.sampled_from(OWN), seed=SEEDS)
    async def test_self_paid_changed_and_signed_again(self, raw: bytes, seed: int) -> None:
        """The same for transactions that we do not sign."""
        changed = resigned(flipped(raw, random.Random(seed)), BUYER)
        if await is_taken(changed, version=0):
            assert pays(changed)

    @settings(max_examples=EXAMPLES, deadline=None)
    @given(raw=st.binary(max_size=1300))
    async def test_anything_at_all(self, raw: bytes) -> None:
        """Random bytes are declined, never more."""
        for version in (0, 1, 2):
            assert not await is_taken(raw, version=version)

    async def test_only_our_own_signatures_place_is_free(self) -> None:
        """Slot 0 is written by us, so what a buyer puts there means nothing."""
        raw = SPONSORED[0]
        for place in range(len(raw)):
            changed = raw[:place] + bytes([raw[place] ^ 0x55]) + raw[place + 1 :]
            assert await is_taken(changed, version=2) is (1 <= place < 65)


class TestInstructions:
    @settings(max_examples=EXAMPLES * 2, deadline=None)
    @given(
        instructions=RUNS,
        legacy=st.booleans(),
        payer=st.sampled_from([SPONSOR, STRANGER, BUYER]),
    )
    async def test_woven_together_at_random(
        self, instructions: list[Instruction], legacy: bool, payer: Keypair
    ) -> None:
        """Whatever is put together and signed by the buyer and a friend."""
        raw = wire(instructions, [BUYER, STRANGER], fee_payer=payer.pubkey(), legacy=legacy)
        if await is_taken(raw, version=2):
            assert pays(raw)
            assert is_safe_to_sign(raw)
        if await is_taken(raw, version=0):
            assert pays(raw)
