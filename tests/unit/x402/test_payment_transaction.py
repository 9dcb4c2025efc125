"""The strict reader of transactions."""

import hashlib

import pytest
from solders.instruction import CompiledInstruction
from solders.keypair import Keypair
from solders.message import MessageAddressTableLookup, MessageV0, to_bytes_versioned
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from support.transactions import (
    BLOCKHASH,
    BUYER,
    MEMO_TEXT,
    PAYER,
    SELLER,
    SPONSOR,
    STRANGER,
    Draft,
    Move,
    account_of,
    advance_nonce,
    memo,
    self_paid,
)
from tillway.adapters.x402.reasons import Reason
from tillway.adapters.x402.transaction import LONGEST, decode
from tillway.core.errors import Code, Declined


def refusal(raw: bytes) -> Declined:
    with pytest.raises(Declined) as caught:
        decode(raw)
    return caught.value


def with_table(raw: bytes, *, used: bool) -> bytes:
    """Give the same payment with an address lookup table, used by the memo or by nothing."""
    message = VersionedTransaction.from_bytes(raw).message
    assert isinstance(message, MessageV0)
    instructions = message.instructions
    if used:
        last = instructions[-1]
        beyond = bytes([len(message.account_keys)])
        instructions[-1] = CompiledInstruction(last.program_id_index, bytes(last.data), beyond)
    table = MessageAddressTableLookup(Pubkey.new_unique(), bytes([1]), bytes([0]))
    changed = MessageV0(message.header, message.account_keys, BLOCKHASH, instructions, [table])
    data = to_bytes_versioned(changed)
    signatures = [Signature.default(), BUYER.sign_message(data)]
    return bytes(VersionedTransaction.populate(changed, signatures))


class TestReading:
    @pytest.mark.parametrize("legacy", [False, True])
    def test_everything_is_read_as_solders_reads_it(self, legacy: bool) -> None:
        """Keys, instructions, signatures and message agree with the library's own view."""
        raw = Draft(legacy=legacy).raw()
        ours, theirs = decode(raw), VersionedTransaction.from_bytes(raw)
        message = theirs.message
        keys = [bytes(key) for key in message.account_keys]
        assert list(ours.keys) == keys
        assert ours.message == to_bytes_versioned(message)
        assert list(ours.signatures) == [bytes(one) for one in theirs.signatures]
        assert [(one.program, list(one.accounts), one.data) for one in ours.instructions] == [
            (keys[one.program_id_index], [keys[at] for at in bytes(one.accounts)], bytes(one.data))
            for one in message.instructions
        ]

    def test_signers_are_the_fee_payer_and_then_the_buyer(self) -> None:
        """The first signer pays the fee."""
        found = decode(Draft().raw())
        assert found.signers == (bytes(SPONSOR.pubkey()), bytes(PAYER))
        assert found.fee_payer == bytes(SPONSOR.pubkey())

    @pytest.mark.parametrize("legacy", [False, True])
    def test_the_key_is_the_hash_of_what_is_signed(self, legacy: bool) -> None:
        """The version byte belongs to what is signed, so it is hashed too."""
        raw = Draft(legacy=legacy).raw()
        message = to_bytes_versioned(VersionedTransaction.from_bytes(raw).message)
        assert decode(raw).key == hashlib.sha256(message).hexdigest()
        assert (message[0] >= 0x80) is not legacy

    def test_two_signatures_of_one_message_are_one_key(self) -> None:
        """Slot 0 is anyone's to fill, so it does not name the payment."""
        raw = Draft().raw()
        other = decode(raw).with_first_signature(bytes(range(64)))
        assert other != raw
        assert decode(other).key == decode(raw).key

    def test_long_lists_are_read_whole(self) -> None:
        """Lengths over 127 take two bytes in the wire format."""
        text = "x" * 400
        raw = Draft(after=(memo(text),)).raw()
        assert decode(raw).instructions[-1].data == text.encode()

    def test_signatures_are_verified_against_their_own_key(self) -> None:
        """The buyer's slot verifies, the empty one of the sponsor does not."""
        found = decode(Draft().raw())
        assert found.is_signed_by(1)
        assert not found.is_signed_by(0)


class TestRefusing:
    @pytest.mark.parametrize(
        "raw",
        [b"", b"\0", b"\1", bytes(64), bytes(range(200)), b"\xff" * 300, b"\x80" * 300],
        ids=["empty", "zero", "one", "zeros", "counting", "ones", "version"],
    )
    def test_what_is_no_transaction(self, raw: bytes) -> None:
        """Bytes that the runtime would not read are refused as undecodable."""
        found = refusal(raw)
        assert (found.code, found.reason) == (Code.INVALID_TRANSACTION, Reason.UNDECODABLE)

    def test_bytes_left_over(self) -> None:
        """The library ignores trailing bytes; we do not."""
        raw = Draft().raw() + b"\0"
        assert VersionedTransaction.from_bytes(raw)
        assert refusal(raw).reason == Reason.UNDECODABLE

    def test_every_truncation(self) -> None:
        """No prefix of a transaction is one."""
        raw = Draft().raw()
        for length in range(len(raw)):
            assert refusal(raw[:length]).reason == Reason.UNDECODABLE

    def test_more_than_a_packet_holds(self) -> None:
        """1232 bytes are the limit, and exactly as many are fine."""
        spare = LONGEST - len(Draft(after=(memo("x" * 400),)).raw())
        most = Draft(after=(memo("x" * (400 + spare)),)).raw()
        assert len(most) == LONGEST
        assert decode(most)
        assert refusal(Draft(after=(memo("x" * (401 + spare)),)).raw()).reason == (
            Reason.UNDECODABLE
        )

    @pytest.mark.parametrize("used", [False, True])
    def test_lookup_tables(self, used: bool) -> None:
        """Keys that are not in the transaction could be anyone's."""
        raw = with_table(Draft().raw(), used=used)
        found = refusal(raw)
        assert found.reason == Reason.UNDECODABLE
        assert "lookup tables" in found.message

    def test_an_account_named_twice(self) -> None:
        """The runtime refuses duplicate keys, and they would confuse every rule."""
        raw = bytearray(Draft().raw())
        start = raw.index(bytes(account_of(PAYER)))
        place = raw.index(bytes(account_of(SELLER)))
        raw[place : place + 32] = raw[start : start + 32]
        assert "twice" in refusal(bytes(raw)).message

    def test_the_new_transaction_format(self) -> None:
        """SIMD-0385 transactions put the signatures elsewhere: not taken."""
        raw = Draft().raw()
        assert refusal(b"\x81" + raw[1:]).reason == Reason.UNDECODABLE

    @pytest.mark.parametrize("place", [0, 1, 2])
    def test_durable_nonces_anywhere(self, place: int) -> None:
        """A transaction that never expires could never be proven to have failed."""
        instructions = [Move().checked(), memo(MEMO_TEXT)]
        instructions.insert(place, advance_nonce(Pubkey.new_unique(), PAYER))
        found = refusal(self_paid(instructions))
        assert (found.code, found.reason) == (Code.INVALID_TRANSACTION, Reason.INVALID_STATE)

    def test_durable_nonces_of_others(self) -> None:
        """Whose nonce it is makes no difference."""
        thief = Keypair()
        raw = self_paid(
            [advance_nonce(Pubkey.new_unique(), thief.pubkey()), Move().checked()], BUYER, thief
        )
        assert refusal(raw).reason == Reason.INVALID_STATE
        assert STRANGER.pubkey() != thief.pubkey()
