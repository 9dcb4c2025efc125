-- Whose payments they are that have settled. Those that settle from now on say it in a column; the
-- step after this one writes it for the others, while they are worked with.

ALTER TABLE tillway_payments ADD COLUMN payer text COLLATE "C";
ALTER TABLE tillway_archive ADD COLUMN payer text COLLATE "C";

-- While nothing has a payer, it is made in one pass over the table, and there is nothing to sort.
CREATE INDEX tillway_payments_payer ON tillway_payments (tenant, payer, created_at)
WHERE state = 'settled' AND payer IS NOT NULL;

-- From the body, which the server can only look into where no text in it has NUL: see
-- tillway_user_in, which writes that as a column has it.
CREATE FUNCTION tillway_payer_in(the_body json) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN position('\u000' IN the_body::text) = 0 THEN the_body->>'payer' ELSE
        regexp_replace(
            regexp_replace(
                the_body::text, '(?<!\\)((\\\\)*)\\u0001', '\1\\u0001\\u0002', 'g'
            ),
            '(?<!\\)((\\\\)*)\\u0000', '\1\\u0001\\u0001', 'g'
        )::json->>'payer'
    END
$$;

-- Here, because programs of the step before settle too.
CREATE FUNCTION tillway_name_payer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.payer := tillway_payer_in(NEW.body);
    RETURN NEW;
END $$;

CREATE TRIGGER tillway_payments_payer BEFORE UPDATE OF state ON tillway_payments
FOR EACH ROW WHEN (NEW.state = 'settled' AND NEW.payer IS NULL)
EXECUTE FUNCTION tillway_name_payer();
