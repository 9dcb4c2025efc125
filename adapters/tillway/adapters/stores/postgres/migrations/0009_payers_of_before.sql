-- Who has paid what had settled before the step before. Only rows are held, and none that lives:
-- claims and their ends go on meanwhile.

SELECT set_config('tillway.tenant', '*', true);
UPDATE tillway_payments SET payer = tillway_payer_in(body)
WHERE state = 'settled' AND payer IS NULL;
SELECT set_config('tillway.tenant', '', true);

-- Those that come after a payment in this order, or with null all.
CREATE FUNCTION tillway_of_payer(
    the_tenant text, the_payer text, the_time timestamptz, the_chain text, the_key text,
    the_limit bigint
) RETURNS SETOF tillway_payments LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('tillway.tenant', the_tenant, true);
    RETURN QUERY SELECT * FROM tillway_payments
    WHERE tenant = the_tenant AND payer = the_payer AND state = 'settled'
        AND created_at <= coalesce(the_time, 'infinity')
        AND (the_time IS NULL OR (created_at, chain, key) < (the_time, the_chain, the_key))
    ORDER BY created_at DESC, chain DESC, key DESC LIMIT the_limit;
END $$;
