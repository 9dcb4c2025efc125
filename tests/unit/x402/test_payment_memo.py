"""What a memo binds a payment to, and how it is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from solders.instruction import Instruction

from support.solana_fakes import FakeChain, checker_of
from support.transactions import (
    MEMO_TEXT,
    SEALED,
    SPONSOR,
    STRANGER,
    Draft,
    Move,
    account_of,
    authenticator_of,
    memo,
    proof_of,
    quote_of,
    self_paid,
)
from tillway.adapters.x402.config import Sponsoring
from tillway.adapters.x402.memo import MOST_BYTES, fill
from tillway.adapters.x402.reasons import Reason
from tillway.core.errors import Code, Declined
from tillway.core.quotes import AUTHENTICATOR_LENGTH, read_authenticator

OTHERS_TEXT = authenticator_of(quote_of(nonce=b"other"))
FOREIGN = "0123456789abcdef" * 2


async def verdict(
    *after: Instruction,
    version: int = 2,
    sealed: str | None = None,
    limits: Sponsoring | None = None,
) -> str | None:
    checker = checker_of(FakeChain(), limits)
    sponsor = str(SPONSOR.pubkey()) if version == 0 else None
    proof = proof_of(Draft(after=after).raw(), version=version, sponsor=sponsor, sealed=sealed)
    try:
        await checker.check(proof, quote_of())
    except Declined as declined:
        return declined.reason
    return None


class TestBinding:
    @pytest.mark.parametrize("sealed", [None, SEALED])
    @pytest.mark.parametrize("version", [0, 1, 2])
    async def test_the_quotes_own_authenticator(self, version: int, sealed: str | None) -> None:
        """It is what the offer asked for."""
        assert await verdict(memo(), version=version, sealed=sealed) is None

    @pytest.mark.parametrize("version", [0, 1, 2])
    async def test_another_quotes_authenticator(self, version: int) -> None:
        """A payment for one quote is no payment for another."""
        assert await verdict(memo(OTHERS_TEXT), version=version) == Reason.MEMO

    @pytest.mark.parametrize("version", [1, 2])
    @pytest.mark.parametrize("text", [f"a:{MEMO_TEXT}", f"{MEMO_TEXT} ", f" {MEMO_TEXT}"])
    async def test_nothing_stands_around_it(self, version: int, text: str) -> None:
        """Versions 1 and 2 were offered the bare authenticator: bytes are equal."""
        assert await verdict(memo(text), version=version) == Reason.MEMO

    async def test_version_0_has_its_template_around_it(self) -> None:
        """The template's text is the seller's choice."""
        assert await verdict(memo(f"article:{MEMO_TEXT}"), version=0) is None

    @pytest.mark.parametrize(
        "after",
        [
            (memo(), memo()),
            (memo(), memo(FOREIGN)),
            (memo(FOREIGN), memo()),
            (memo(OTHERS_TEXT), memo()),
        ],
        ids=["twice", "first", "last", "two of ours"],
    )
    async def test_exactly_one_memo_with_ours(self, after: tuple[Instruction, ...]) -> None:
        """A second memo could be the one that another reader believes."""
        assert await verdict(*after) == Reason.MEMO_COUNT

    async def test_a_memo_that_is_not_text(self) -> None:
        """Refused, and never an exception of another kind."""
        for data in (b"\xff\xfe", b"\xc3", b"\xed\xa0\x80", MEMO_TEXT.encode() + b"\xff"):
            assert await verdict(memo(data)) == Reason.MEMO


class TestWithoutOurMemo:
    @pytest.mark.parametrize("after", [(), (memo(FOREIGN),), (memo(FOREIGN), memo("b"))])
    async def test_an_old_client_pays_the_price_of_now(
        self, after: tuple[Instruction, ...]
    ) -> None:
        """Our sponsor's signature makes it ours: no other gateway could have taken it."""
        assert await verdict(*after, version=1) is None

    async def test_not_when_the_sponsor_key_is_shared(self) -> None:
        """Another gateway with the same key could take the same payment."""
        shared = Sponsoring(exclusive=False)
        assert await verdict(version=1, limits=shared) == Reason.MEMO_COUNT
        assert await verdict(memo(), version=1, limits=shared) is None

    @pytest.mark.parametrize("version", [0, 2])
    async def test_not_with_a_sealed_quote(self, version: int) -> None:
        """The quote asked for its memo, and without it nothing binds the two."""
        assert await verdict(version=version, sealed=SEALED) == Reason.MEMO_COUNT

    async def test_several_foreign_memos_are_none(self) -> None:
        """The core is then told of no memo."""
        raw = Draft(after=(memo("a"), memo("b"))).raw()
        assert checker_of(FakeChain()).identify(proof_of(raw)).memo is None


class TestIdentity:
    def test_it_is_read_off_the_transaction(self) -> None:
        """Payer, amount and memo are what was signed."""
        found = checker_of(FakeChain()).identify(proof_of(Draft().raw()))
        assert found.memo == MEMO_TEXT
        assert found.chain.startswith("solana:Et")
        assert len(found.key) == 64

    def test_several_transfers_show_no_amount(self) -> None:
        """Which of them is the payment is only known with a quote."""
        raw = self_paid([Move(amount=1).checked(), Move(amount=2).checked()])
        assert checker_of(FakeChain()).identify(proof_of(raw)).amount is None

    def test_a_transfer_to_us_goes_before_others(self) -> None:
        """A buyer who pays a friend in the same transaction still pays us."""
        friend = Move(amount=1, destination=account_of(STRANGER.pubkey())).checked()
        raw = self_paid([friend, Move(amount=2).checked()])
        assert checker_of(FakeChain()).identify(proof_of(raw)).amount == 2

    @pytest.mark.parametrize(
        ("raw", "code"),
        [
            (self_paid([memo()]), Code.NOT_SPL_TRANSFER),
            (b"nonsense", Code.INVALID_TRANSACTION),
            (Draft(after=(memo(b"\xff"),)).raw(), Code.INVALID_MEMO),
        ],
    )
    def test_what_cannot_be_identified_is_declined(self, raw: bytes, code: Code) -> None:
        """Nothing else is raised."""
        with pytest.raises(Declined) as caught:
            checker_of(FakeChain()).identify(proof_of(raw))
        assert caught.value.code == code


class TestWriting:
    @pytest.mark.parametrize(
        ("template", "memo_text"),
        [
            (None, f"article:{MEMO_TEXT}"),
            ("", f"article:{MEMO_TEXT}"),
            ("{{resource}} by {{nonce}}", f"article by {MEMO_TEXT}"),
            ("{resource}/{nonce}", f"article/{MEMO_TEXT}:{MEMO_TEXT}"),
            ("{nonce}", MEMO_TEXT),
            ("order", f"order:{MEMO_TEXT}"),
            ("x-{{nonce}}", f"x-{MEMO_TEXT}:{MEMO_TEXT}"),
            ("{{other}} {{nonce}}", f"{{{{other}}}} {MEMO_TEXT}"),
        ],
    )
    def test_templates_are_filled(self, template: str | None, memo_text: str) -> None:
        """Both spellings; what could not be read back gets the authenticator at its end."""
        assert fill(template, "article", MEMO_TEXT) == memo_text

    def test_filling_is_done_once(self) -> None:
        """A resource that looks like a placeholder stays as it is."""
        assert fill(None, "{{nonce}}", MEMO_TEXT) == f"{{{{nonce}}}}:{MEMO_TEXT}"

    @given(template=st.none() | st.text(max_size=400), resource=st.text(min_size=1, max_size=255))
    def test_every_memo_can_be_read_back(self, template: str | None, resource: str) -> None:
        """Whatever the seller's template: the authenticator is found, and the memo is short."""
        text = fill(template, resource, MEMO_TEXT)
        assert str(read_authenticator(text)) == MEMO_TEXT
        assert len(text.encode()) <= MOST_BYTES

    def test_official_clients_can_afford_it(self) -> None:
        """Their 20,000 compute units are enough for a memo of 32 bytes."""
        assert len(MEMO_TEXT) == AUTHENTICATOR_LENGTH <= 32
