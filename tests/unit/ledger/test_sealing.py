import pytest
from attrs import evolve

from tillway.adapters.heads import HeadSignatures, HeadSigner
from tillway.core.contracts.samples import LEASE, OTHER, event
from tillway.core.events import Event
from tillway.core.ids import EventId
from tillway.core.sealing import seal_of
from tillway.core.secrets import Secret

_FACT = event("a")


class TestSeals:
    @pytest.mark.parametrize(
        "other",
        [
            evolve(_FACT, id=EventId("evt_other")),
            evolve(_FACT, tenant=OTHER),
            evolve(_FACT, type="payment.reversed"),
            evolve(_FACT, at=_FACT.at + LEASE),
            evolve(_FACT, body={**_FACT.body, "amount": 6}),
            evolve(_FACT, body={}),
        ],
    )
    def test_a_seal_is_of_every_part(self, other: Event) -> None:
        """Whatever is changed about a fact changes its seal."""
        assert seal_of("ab", 2, other) != seal_of("ab", 2, _FACT)

    def test_a_seal_is_of_the_one_before(self) -> None:
        """The same fact elsewhere in a chain has another seal."""
        assert len({seal_of("ab", 2, _FACT), seal_of("cd", 2, _FACT), seal_of("ab", 3, _FACT)}) == 3

    def test_the_order_of_a_body_does_not_matter(self) -> None:
        """Stores may give a body's fields in any order."""
        turned = evolve(_FACT, body=dict(reversed(list(_FACT.body.items()))))
        assert seal_of("", 1, turned) == seal_of("", 1, _FACT)

    def test_a_seal_stays_what_it_is(self) -> None:
        """Chains outlive versions of ours."""
        assert seal_of("", 1, _FACT) == _KNOWN


_KNOWN = "72b1e67b88d66f936f7954666e64fa5787791bbbe49ae23c0629cc18ca447f1b"


class TestHeads:
    def test_a_signature_is_verified(self) -> None:
        """What one secret signs, its public key verifies, and nothing else."""
        signer, other = (HeadSigner(Secret(letter * 32)) for letter in "ab")
        signature, known = signer.sign("words"), HeadSignatures()
        assert known.is_signed(signer.public_key, "words", signature)
        assert not known.is_signed(signer.public_key, "other words", signature)
        assert not known.is_signed(other.public_key, "words", signature)

    @pytest.mark.parametrize(
        ("key", "signature"), [("", ""), ("!", "!"), ("None", "None"), ("AAAA", "AAAA")]
    )
    def test_what_is_malformed_is_not_signed(self, key: str, signature: str) -> None:
        """Whatever stands in a fact, verifying it never fails."""
        assert not HeadSignatures().is_signed(key, "words", signature)

    def test_a_signer_shows_no_secret(self) -> None:
        """It may be printed."""
        assert "aaa" not in repr(HeadSigner(Secret("a" * 32)))
