-- Whose payments they are, which are watched, and an archive of those that are over.
--
-- A key or a signature that is in the archive stays taken. Functions that programs of the step
-- before call keep their names and arguments, and look there too.

ALTER TABLE tillway_payments
    ADD COLUMN watched boolean NOT NULL DEFAULT false,
    ADD COLUMN user_id text COLLATE "C";

-- Where programs of the step before wrote the user: in the body, which the server can only look
-- into where no text in it has NUL. For that stands what it is written as in a column.
CREATE FUNCTION tillway_user_in(the_body json) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT regexp_replace(
        regexp_replace(the_body::text, '(?<!\\)((\\\\)*)\\u0001', '\1\\u0001\\u0002', 'g'),
        '(?<!\\)((\\\\)*)\\u0000', '\1\\u0001\\u0001', 'g'
    )::json->>'user_id'
$$;

SELECT set_config('tillway.tenant', '*', true);
UPDATE tillway_payments SET user_id = tillway_user_in(body) WHERE body::text LIKE '%"user_id"%';
SELECT set_config('tillway.tenant', '', true);

CREATE INDEX tillway_payments_watched ON tillway_payments (lease_until)
WHERE watched AND state NOT IN ('claimed', 'unresolved');
CREATE INDEX tillway_payments_over ON tillway_payments (created_at)
WHERE NOT watched AND state NOT IN ('claimed', 'unresolved');
CREATE INDEX tillway_payments_user ON tillway_payments (tenant, user_id, created_at)
WHERE user_id IS NOT NULL;

CREATE TABLE tillway_archive (
    LIKE tillway_payments INCLUDING DEFAULTS INCLUDING CONSTRAINTS,
    UNIQUE (key, chain),
    CONSTRAINT tillway_archive_signature UNIQUE (signature, chain)
);

CREATE INDEX tillway_archive_newest ON tillway_archive (tenant, created_at);

ALTER TABLE tillway_archive ENABLE ROW LEVEL SECURITY;
ALTER TABLE tillway_archive FORCE ROW LEVEL SECURITY;

CREATE POLICY tillway_own ON tillway_archive
USING (tenant = current_setting('tillway.tenant', true));
CREATE POLICY tillway_all_read ON tillway_archive FOR SELECT
USING (current_setting('tillway.tenant', true) = '*');

-- The payment that has this key, or else the one that has this signature; null if none has.
CREATE FUNCTION tillway_first(
    the_chain text, the_key text, the_signature text
) RETURNS tillway_payments LANGUAGE plpgsql AS $$
DECLARE
    found_first tillway_payments;
BEGIN
    PERFORM set_config('tillway.tenant', '*', true);
    SELECT * INTO found_first FROM tillway_payments WHERE key = the_key AND chain = the_chain;
    IF NOT FOUND THEN
        SELECT * INTO found_first FROM tillway_archive WHERE key = the_key AND chain = the_chain;
    END IF;
    IF NOT FOUND THEN
        SELECT * INTO found_first FROM tillway_payments
        WHERE signature = the_signature AND chain = the_chain;
    END IF;
    IF NOT FOUND THEN
        SELECT * INTO found_first FROM tillway_archive
        WHERE signature = the_signature AND chain = the_chain;
    END IF;
    RETURN found_first;
END $$;

-- Tells whether a key or a signature is in the archive, then acts for the tenant again.
CREATE FUNCTION tillway_is_archived(
    the_chain text, the_key text, the_signature text, for_whom_then text
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    is_there boolean;
BEGIN
    PERFORM set_config('tillway.tenant', '*', true);
    is_there := EXISTS (
        SELECT FROM tillway_archive WHERE key = the_key AND chain = the_chain
    ) OR EXISTS (
        SELECT FROM tillway_archive WHERE signature = the_signature AND chain = the_chain
    );
    PERFORM set_config('tillway.tenant', for_whom_then, true);
    RETURN is_there;
END $$;

-- No row: claimed. Else either the place of the share that does not fit, or the first claim.
CREATE FUNCTION tillway_claim(
    the_tenant text, the_chain text, the_key text, the_signature text, the_state text,
    the_owner text, the_lease timestamptz, the_time timestamptz, the_bytes bytea, the_body json,
    is_watched boolean, the_user text, the_shares jsonb,
    OUT refused integer, OUT met tillway_payments
) RETURNS SETOF record LANGUAGE plpgsql AS $$
DECLARE
    was_written boolean;
BEGIN
    LOOP
        PERFORM set_config('tillway.tenant', the_tenant, true);
        INSERT INTO tillway_payments (
            tenant, chain, key, signature, state,
            owner, lease_until, created_at, signed, body, watched, user_id, shares
        ) VALUES (
            the_tenant, the_chain, the_key, the_signature, the_state,
            the_owner, the_lease, the_time, the_bytes, the_body, is_watched, the_user, the_shares
        ) ON CONFLICT DO NOTHING;
        was_written := FOUND;
        -- Afterwards, because what is archived in this moment has waited for us, or we for it.
        IF was_written
            AND NOT tillway_is_archived(the_chain, the_key, the_signature, the_tenant) THEN
            refused := tillway_take(the_shares);
            IF refused IS NULL THEN
                RETURN;
            END IF;
        END IF;
        IF was_written THEN
            DELETE FROM tillway_payments WHERE key = the_key AND chain = the_chain;
        END IF;
        IF refused IS NULL THEN
            -- The first claim may be another tenant's.
            met := tillway_first(the_chain, the_key, the_signature);
        END IF;
        IF refused IS NOT NULL OR met.key IS NOT NULL THEN
            RETURN NEXT;
            RETURN;
        END IF;
        -- It was given up meanwhile: nothing stands in the way any more.
    END LOOP;
END $$;

-- What programs of the step before call.
CREATE OR REPLACE FUNCTION tillway_claim(
    the_tenant text, the_chain text, the_key text, the_signature text, the_state text,
    the_owner text, the_lease timestamptz, the_time timestamptz, the_bytes bytea, the_body json,
    the_shares jsonb,
    OUT refused integer, OUT met tillway_payments
) RETURNS SETOF record LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('tillway.tenant', the_tenant, true);
    RETURN QUERY SELECT * FROM tillway_claim(
        the_tenant, the_chain, the_key, the_signature, the_state,
        the_owner, the_lease, the_time, the_bytes, the_body,
        false, tillway_user_in(the_body), the_shares
    );
END $$;

CREATE FUNCTION tillway_watch(
    the_owner text, the_end timestamptz, the_lease timestamptz, the_limit bigint
) RETURNS SETOF tillway_payments LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('tillway.tenant', '*', true);
    RETURN QUERY
    WITH idle AS MATERIALIZED (
        SELECT key, chain, lease_until FROM tillway_payments
        WHERE lease_until < the_end AND watched AND state NOT IN ('claimed', 'unresolved')
        ORDER BY lease_until, created_at, chain, key LIMIT the_limit
        FOR UPDATE SKIP LOCKED
    ), taken AS (
        UPDATE tillway_payments AS one SET owner = the_owner, lease_until = the_lease
        FROM idle WHERE one.key = idle.key AND one.chain = idle.chain
        RETURNING one AS whole, idle.lease_until AS ended
    )
    SELECT (whole).* FROM taken
    ORDER BY ended, (whole).created_at, (whole).chain, (whole).key;
END $$;

-- Moves what is over, oldest first, and tells how many. It is looked for among all tenants and
-- moved for one after the other, so that nothing is ever deleted or written for all.
CREATE FUNCTION tillway_put_away(
    the_end timestamptz, the_limit bigint
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    keys text[];
    chains text[];
    owners text[];
    who text;
BEGIN
    PERFORM set_config('tillway.tenant', '*', true);
    SELECT array_agg(old.key), array_agg(old.chain), array_agg(old.tenant)
    INTO keys, chains, owners FROM (
        SELECT key, chain, tenant FROM tillway_payments
        WHERE created_at < the_end AND NOT watched AND state NOT IN ('claimed', 'unresolved')
        ORDER BY created_at, chain, key LIMIT the_limit
        FOR UPDATE SKIP LOCKED
    ) AS old;
    FOR who IN SELECT DISTINCT one.owner FROM unnest(owners) AS one (owner) ORDER BY 1 LOOP
        PERFORM set_config('tillway.tenant', who, true);
        WITH gone AS (
            DELETE FROM tillway_payments AS one
            USING unnest(keys, chains, owners) AS old (key, chain, owner)
            WHERE old.owner = who AND one.key = old.key AND one.chain = old.chain
            RETURNING one.*
        )
        INSERT INTO tillway_archive SELECT * FROM gone;
    END LOOP;
    RETURN coalesce(cardinality(keys), 0);
END $$;

CREATE FUNCTION tillway_is_live(
    the_chain text, the_key text
) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('tillway.tenant', '*', true);
    RETURN EXISTS (
        SELECT FROM tillway_payments WHERE key = the_key AND chain = the_chain
            AND state IN ('claimed', 'unresolved')
    );
END $$;

-- Reads. What is archived never changes and need not be held.

CREATE OR REPLACE FUNCTION tillway_find(
    the_chain text, the_key text, held boolean
) RETURNS SETOF tillway_payments LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('tillway.tenant', '*', true);
    IF held THEN
        RETURN QUERY SELECT * FROM tillway_payments
        WHERE key = the_key AND chain = the_chain FOR UPDATE;
    ELSE
        RETURN QUERY SELECT * FROM tillway_payments
        WHERE key = the_key AND chain = the_chain;
    END IF;
    IF NOT FOUND THEN
        RETURN QUERY SELECT * FROM tillway_archive
        WHERE key = the_key AND chain = the_chain;
    END IF;
END $$;

CREATE OR REPLACE FUNCTION tillway_by_signature(
    the_tenant text, the_signature text, held boolean
) RETURNS SETOF tillway_payments LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('tillway.tenant', the_tenant, true);
    IF held THEN
        RETURN QUERY SELECT * FROM tillway_payments
        WHERE signature = the_signature AND tenant IS NOT DISTINCT FROM the_tenant
        ORDER BY created_at DESC, chain DESC LIMIT 1 FOR UPDATE;
    ELSE
        RETURN QUERY SELECT * FROM tillway_payments
        WHERE signature = the_signature AND tenant IS NOT DISTINCT FROM the_tenant
        ORDER BY created_at DESC, chain DESC LIMIT 1;
    END IF;
    IF NOT FOUND THEN
        RETURN QUERY SELECT * FROM tillway_archive
        WHERE signature = the_signature AND tenant IS NOT DISTINCT FROM the_tenant
        ORDER BY created_at DESC, chain DESC LIMIT 1;
    END IF;
END $$;

-- Those of one user, or with null of all.
CREATE FUNCTION tillway_newest(
    the_tenant text, the_user text, the_end timestamptz, the_limit bigint
) RETURNS SETOF tillway_payments LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('tillway.tenant', the_tenant, true);
    IF the_user IS NULL THEN
        RETURN QUERY SELECT * FROM tillway_payments
        WHERE tenant = the_tenant AND created_at < coalesce(the_end, 'infinity')
        ORDER BY created_at DESC, chain DESC, key DESC LIMIT the_limit;
    ELSE
        RETURN QUERY SELECT * FROM tillway_payments
        WHERE tenant = the_tenant AND user_id = the_user
            AND created_at < coalesce(the_end, 'infinity')
        ORDER BY created_at DESC, chain DESC, key DESC LIMIT the_limit;
    END IF;
END $$;

CREATE FUNCTION tillway_archived(
    the_tenant text, the_end timestamptz, the_limit bigint
) RETURNS SETOF tillway_archive LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('tillway.tenant', the_tenant, true);
    RETURN QUERY SELECT * FROM tillway_archive
    WHERE tenant = the_tenant AND created_at < coalesce(the_end, 'infinity')
    ORDER BY created_at DESC, chain DESC, key DESC LIMIT the_limit;
END $$;
