"""The three dialects of a payment header."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.transactions import SEALED, SPONSOR, Draft, base64_of, self_paid
from tillway.adapters.x402.dialects import envelope
from tillway.adapters.x402.networks import CAIP2, V1_NAMES
from tillway.adapters.x402.reasons import Reason
from tillway.adapters.x402.transaction import decode
from tillway.core.assets import Network
from tillway.core.errors import Code, Declined
from tillway.core.ports.rails import Proof

RAW = Draft().raw()
OWN = self_paid()
SPONSOR_NAME = str(SPONSOR.pubkey())
DEVNET = CAIP2[Network.DEVNET]


def read(payment: Mapping[str, object]) -> Proof | None:
    return envelope.read(payment, Network.DEVNET, "x402")


def taken(payment: Mapping[str, object]) -> Proof:
    proof = read(payment)
    assert proof is not None
    return proof


def refusal(payment: Mapping[str, object]) -> Declined:
    with pytest.raises(Declined) as caught:
        read(payment)
    return caught.value


def v0(payload: Mapping[str, object] | None = None, **top: object) -> dict[str, object]:
    inner = {"transaction": base64_of(OWN), "resource": "article", **(payload or {})}
    return {
        "x402Version": 0,
        "scheme": "solana-spl-transfer",
        "network": "devnet",
        "payload": inner,
        **top,
    }


def v1(**top: object) -> dict[str, object]:
    return {
        "x402Version": 1,
        "scheme": "exact",
        "network": "solana-devnet",
        "payload": {"transaction": base64_of(RAW)},
        **top,
    }


def v2(extra: object = None, **top: object) -> dict[str, object]:
    accepted = {"scheme": "exact", "network": DEVNET, "amount": "1", "extra": extra}
    return {
        "x402Version": 2,
        "accepted": accepted,
        "payload": {"transaction": base64_of(RAW)},
        **top,
    }


class TestVersion:
    @pytest.mark.parametrize("version", [3, -1, "2", 2.0, True, [], {}])
    def test_others_are_not_ours(self, version: object) -> None:
        """Another version may be another rail's."""
        assert read({**v2(), "x402Version": version}) is None

    @pytest.mark.parametrize("version", [{}, {"x402Version": None}])
    def test_none_is_zero(self, version: Mapping[str, object]) -> None:
        """The oldest server never looked at the version."""
        without = {name: value for name, value in v0().items() if name != "x402Version"}
        assert taken({**without, **version}).version == 0


class TestVersionZero:
    @pytest.mark.parametrize("scheme", ["solana-spl-transfer", "solana"])
    def test_both_schemes(self, scheme: str) -> None:
        """The two names that the Cedros server takes."""
        proof = taken(v0(scheme=scheme))
        assert (proof.payload, proof.network, proof.resource) == (OWN, "devnet", "article")
        assert (proof.sealed, proof.sponsor, proof.coupon) == (None, None, None)

    @pytest.mark.parametrize("scheme", ["exact", "", None, 5, ["solana"], "Solana"])
    def test_another_scheme_is_not_ours(self, scheme: object) -> None:
        """Schemes compare exactly."""
        assert read(v0(scheme=scheme)) is None

    @pytest.mark.parametrize("network", ["mainnet-beta", "Devnet", "solana-devnet", "", None])
    def test_the_network_is_compared_byte_for_byte(self, network: object) -> None:
        """The refusal names what was expected."""
        found = refusal(v0(network=network))
        assert found.code == Code.INVALID_PAYMENT_PROOF
        assert (found.field, found.reason) == ("network", Reason.NETWORK_MISMATCH)
        assert "expected devnet" in found.message

    def test_a_fee_payer_switches_to_sponsored(self) -> None:
        """The buyer names the wallet of ours that pays."""
        proof = taken(v0({"transaction": base64_of(RAW), "feePayer": SPONSOR_NAME}))
        assert proof.sponsor == SPONSOR_NAME

    @pytest.mark.parametrize("name", ["x", "0" * 44, SPONSOR_NAME + "1", "\ud800" * 32])
    def test_a_fee_payer_must_be_a_key(self, name: str) -> None:
        """Malformed keys are named as the field at fault."""
        found = refusal(v0({"feePayer": name}))
        assert found.field == "payload.feePayer"

    @pytest.mark.parametrize("nothing", [None, ""])
    def test_empty_options_are_absent(self, nothing: object) -> None:
        """Clients send null or an empty string for what they do not use."""
        names = ["feePayer", "signature", "resource", "resourceType", "memo", "metadata"]
        options = {name: nothing for name in names if (name, nothing) != ("metadata", "")}
        proof = taken(v0(options))
        assert (proof.sponsor, proof.resource, proof.resource_type) == (None, None, None)

    def test_the_signature_must_be_the_transactions(self) -> None:
        """A client's string names no payment; it may only agree."""
        assert taken(v0({"signature": decode(OWN).signature}))
        found = refusal(v0({"signature": decode(RAW).signature}))
        assert found.code == Code.INVALID_PAYMENT_PROOF
        assert (found.field, found.reason) == ("payload.signature", Reason.SIGNATURE)

    def test_a_sponsored_buyers_signature_is_not_compared(self) -> None:
        """Its first signature is ours and not yet there."""
        payload = {
            "transaction": base64_of(RAW),
            "feePayer": SPONSOR_NAME,
            "signature": decode(OWN).signature,
        }
        assert taken(v0(payload))

    def test_unknown_members_are_tolerated(self) -> None:
        """Clients send more than the contract names."""
        assert taken(v0({"payer": "someone", "x": [1, {"y": None}]}, more={"a": 1}))


class TestMetadata:
    @pytest.mark.parametrize("name", ["coupon_code", "couponCode"])
    def test_a_coupon_by_either_name(self, name: str) -> None:
        """The coupon is the buyer's word, and is not kept as metadata."""
        proof = taken(v0({"metadata": {name: "SPRING", "note": "hi"}}))
        assert proof.coupon == "SPRING"
        assert proof.metadata == {"note": "hi"}

    def test_the_sealed_quote(self) -> None:
        """It may be longer than other values and is not kept."""
        proof = taken(v0({"metadata": {"quote": "q" * 5000}}))
        assert proof.sealed == "q" * 5000
        assert proof.metadata == {}

    @pytest.mark.parametrize(
        "name",
        ["resource_id", "coupon_codes", "status", "session_id", "item_0_price", "user_id", "type"],
    )
    def test_our_own_keys_are_dropped(self, name: str) -> None:
        """Nothing that the gateway writes or counts can come from a buyer."""
        assert taken(v0({"metadata": {name: "forged", "mine": "1"}})).metadata == {"mine": "1"}

    @pytest.mark.parametrize("value", [5, True, ["a"], {"a": "b"}, 1.5])
    def test_values_are_text(self, value: object) -> None:
        """The refusal names the key."""
        assert refusal(v0({"metadata": {"note": value}})).field == "payload.metadata.note"

    def test_there_are_fifty_at_most(self) -> None:
        """Fifty pairs are taken, fifty-one are not."""
        fifty = {f"key{number}": "v" for number in range(50)}
        assert len(taken(v0({"metadata": fifty})).metadata) == 50
        assert refusal(v0({"metadata": {**fifty, "one": "more"}})).field == "payload.metadata"

    @pytest.mark.parametrize(
        ("key", "value"),
        [("k" * 501, "v"), ("k", "v" * 501), ("k", "\0"), ("k", "\ud800"), ("\udfff", "v")],
    )
    def test_what_cannot_be_kept_is_refused(self, key: str, value: str) -> None:
        """Too long, null characters and broken Unicode never reach a store."""
        found = refusal(v0({"metadata": {key: value}}))
        assert found.code == Code.INVALID_PAYMENT_PROOF
        assert f"{found.message}{found.field}".encode()

    @pytest.mark.parametrize("metadata", ["text", [], 5, True])
    def test_it_is_an_object(self, metadata: object) -> None:
        """Anything else is refused by name."""
        assert refusal(v0({"metadata": metadata})).field == "payload.metadata"


class TestVersionOne:
    @pytest.mark.parametrize("network", Network)
    def test_networks_have_their_old_names(self, network: Network) -> None:
        """Version 1 writes solana, solana-devnet, solana-testnet."""
        proof = envelope.read(v1(network=V1_NAMES[network]), network, "x402")
        assert proof is not None
        assert (proof.version, proof.payload, proof.sealed) == (1, RAW, None)

    @pytest.mark.parametrize("top", [{"scheme": "upto"}, {"network": "base"}, {"scheme": None}])
    def test_other_schemes_and_chains_are_not_ours(self, top: Mapping[str, object]) -> None:
        """The scheme "exact" exists on many chains."""
        assert read(v1(**top)) is None

    def test_another_solana_network_is_refused(self) -> None:
        """It could be nobody else's."""
        assert refusal(v1(network="solana")).reason == Reason.NETWORK_MISMATCH

    def test_a_network_must_be_named(self) -> None:
        """Without one the scheme says nothing."""
        assert refusal(v1(network=None)).field == "network"


class TestVersionTwo:
    def test_the_quote_and_the_fee_payer_come_back(self) -> None:
        """Both stand in the echoed offer's extra."""
        proof = taken(v2({"quote": SEALED, "feePayer": SPONSOR_NAME, "memo": "x"}))
        assert (proof.version, proof.sealed, proof.sponsor) == (2, SEALED, SPONSOR_NAME)

    @pytest.mark.parametrize("extra", [None, {}, {"quote": None, "feePayer": None}])
    def test_neither_has_to(self, extra: object) -> None:
        """Clients may drop them; the server's own offer counts."""
        proof = taken(v2(extra))
        assert (proof.sealed, proof.sponsor) == (None, None)

    @pytest.mark.parametrize(
        "accepted",
        [
            None,
            {},
            {"scheme": "upto", "network": DEVNET},
            {"scheme": "exact", "network": "eip155:8453"},
        ],
    )
    def test_other_schemes_and_chains_are_not_ours(self, accepted: object) -> None:
        """They may be another rail's."""
        assert read(v2(accepted=accepted)) is None

    def test_another_solana_network_is_refused(self) -> None:
        """A payment on mainnet is none on devnet."""
        accepted = {"scheme": "exact", "network": CAIP2[Network.MAINNET]}
        found = refusal(v2(accepted=accepted))
        assert (found.field, found.reason) == ("accepted.network", Reason.NETWORK_MISMATCH)

    def test_explicit_nulls_are_tolerated(self) -> None:
        """The TypeScript client sends them."""
        assert taken(v2(None, resource=None, extensions=None))

    @pytest.mark.parametrize(
        ("extra", "field"),
        [
            (5, "accepted.extra"),
            ({"quote": 5}, "accepted.extra.quote"),
            ({"quote": "q" * 9000}, "accepted.extra.quote"),
            ({"feePayer": "x"}, "accepted.extra.feePayer"),
        ],
    )
    def test_malformed_members_are_named(self, extra: object, field: str) -> None:
        """The refusal tells where."""
        assert refusal(v2(extra)).field == field


class TestTransaction:
    @pytest.mark.parametrize("payment", [v0, v1, v2], ids=["v0", "v1", "v2"])
    @pytest.mark.parametrize("payload", [None, {}, [], "text", {"transaction": None}])
    def test_it_must_be_there(self, payment: object, payload: object) -> None:
        """Each dialect names the missing member."""
        assert callable(payment)
        found = refusal(
            payment(payload=payload) if payment is not v0 else {**v0(), "payload": payload}
        )
        assert found.code == Code.INVALID_PAYMENT_PROOF
        assert found.field in {"payload", "payload.transaction"}

    @pytest.mark.parametrize(
        "text",
        [
            base64_of(RAW).rstrip("=") + "====",
            base64_of(RAW)[:-1],
            base64_of(RAW) + "\n",
            " " + base64_of(RAW),
            base64_of(b"\xff" * 30).replace("/", "_"),
            "QQ",
            "QR==",
            "é" * 8,
            "A" * 1648,
        ],
    )
    def test_only_one_spelling_of_base64(self, text: str) -> None:
        """Standard alphabet, padded, no blanks, no loose bits, no more than a packet."""
        found = refusal({**v1(), "payload": {"transaction": text}})
        assert found.code == Code.INVALID_PAYMENT_PROOF
        assert found.field == "payload.transaction"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
NAMES = ["transaction", "signature", "feePayer", "resource", "resourceType", "metadata", "quote"]
PAYLOADS = st.dictionaries(st.sampled_from(NAMES), JSON | st.just(base64_of(OWN)))


def answer_to(payment: Mapping[str, object]) -> Proof | Declined | None:
    try:
        return read(payment)
    except Declined as declined:
        return declined


class TestAnything:
    @given(payload=PAYLOADS | JSON, extra=PAYLOADS | JSON)
    def test_any_json_is_read_or_declined(self, payload: object, extra: object) -> None:
        """No shape of JSON raises anything else, and every refusal has its reason."""
        payments = ({**v0(), "payload": payload}, v1(payload=payload), v2(extra, payload=payload))
        for payment in payments:
            found = answer_to(payment)
            assert found is not None
            assert isinstance(found, Proof) or found.reason
