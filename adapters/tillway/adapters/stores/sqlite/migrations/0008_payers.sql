-- Whose payments they are that have settled. Nothing but the end of a payment that buys something
-- writes into this, and who has paid is read from its body there alone.

CREATE INDEX payments_payer ON payments (
    tenant, json_extract(body, '$.payer'), created_at, chain, key
) WHERE state = 'settled';
