"""The table from codes to HTTP statuses."""

from __future__ import annotations

from tillway.core.codes import Code
from tillway.entrypoints.http.statuses import STATUSES

CONTRACT = {
    400: """invalid_payment_proof invalid_signature invalid_transaction invalid_recipient
            invalid_sender invalid_token_mint not_spl_transfer invalid_token_program missing_memo
            invalid_memo missing_field invalid_field invalid_amount invalid_wallet
            invalid_resource invalid_coupon invalid_cart_item empty_cart cart_already_paid
            refund_already_processed""",
    402: """transaction_not_found transaction_not_confirmed transaction_failed
            amount_below_minimum amount_mismatch insufficient_funds_sol insufficient_funds_token
            missing_token_account payment_already_used signature_reused quote_expired
            transaction_expired""",
    403: "unauthorized_refund_issuer",
    404: """resource_not_found cart_not_found refund_not_found product_not_found coupon_not_found
            session_not_found""",
    409: """coupon_expired coupon_usage_limit_reached coupon_not_applicable
            coupon_wrong_payment_method""",
    500: "internal_error database_error config_error",
    502: "stripe_error rpc_error network_error",
}
OURS = {
    "route_not_found": 404,
    "method_not_allowed": 405,
    "payload_too_large": 413,
    "rate_limit_exceeded": 429,
    "unauthorized": 401,
    "forbidden": 403,
    "idempotency_key_reused": 409,
    "insufficient_credits": 402,
    "service_unavailable": 503,
    "timeout": 504,
}


class TestStatuses:
    def test_every_code_has_one(self) -> None:
        """No error can reach a face that has no status for it."""
        assert set(STATUSES) == set(Code)

    def test_they_are_the_contracts(self) -> None:
        """Each of the 49 codes has the status of the contract, each of ours its own."""
        contract = {code: status for status, codes in CONTRACT.items() for code in codes.split()}
        assert len(contract) == 49
        assert {str(code): status for code, status in STATUSES.items()} == contract | OURS
