-- Payments, what they reserve, and the facts that they make.
--
-- Whoever touches a tenant's rows calls a function, whose first statement says for which tenant
-- (docs/decisions/0008-postgres-row-level-security.md). Texts compare by code point. Where a key
-- or a signature is sought, the tenant is compared by IS NOT DISTINCT FROM, which no index serves:
-- before a new table was analysed, the server may else go through all rows of the tenant.

CREATE TABLE tillway_payments (
    chain text COLLATE "C" NOT NULL CHECK (chain <> ''),
    key text COLLATE "C" NOT NULL CHECK (length(key) = 64),
    tenant text COLLATE "C" NOT NULL CHECK (tenant NOT IN ('', '*')),
    signature text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL CHECK (
        state IN ('claimed', 'unresolved', 'settled', 'unapplied', 'failed', 'reversed')
    ),
    owner text COLLATE "C" NOT NULL,
    lease_until timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    signed bytea NOT NULL,
    -- Not jsonb: a stored answer is given again as it was, and NUL may stand in metadata.
    body json NOT NULL,
    -- What the claim took: see tillway_shares.
    shares jsonb NOT NULL,
    UNIQUE (key, chain),
    CONSTRAINT tillway_payments_signature UNIQUE (signature, chain)
);

CREATE INDEX tillway_payments_newest ON tillway_payments (tenant, created_at);
CREATE INDEX tillway_payments_idle ON tillway_payments (lease_until)
WHERE state IN ('claimed', 'unresolved');

-- A total belongs to a tenant, or to a chain whose tenants share it.
CREATE TABLE tillway_tallies (
    tenant text COLLATE "C" NOT NULL CHECK (tenant <> '*'),
    chain text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    total bigint NOT NULL,
    PRIMARY KEY (name, tenant, chain),
    CHECK ((tenant = '') <> (chain = ''))
);

CREATE TABLE tillway_events (
    tenant text COLLATE "C" NOT NULL CHECK (tenant NOT IN ('', '*')),
    id text COLLATE "C" NOT NULL CHECK (id <> ''),
    type text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL,
    body json NOT NULL,
    PRIMARY KEY (id, tenant)
);

CREATE INDEX tillway_events_newest ON tillway_events (tenant, at);

ALTER TABLE tillway_payments ENABLE ROW LEVEL SECURITY;
ALTER TABLE tillway_payments FORCE ROW LEVEL SECURITY;
ALTER TABLE tillway_tallies ENABLE ROW LEVEL SECURITY;
ALTER TABLE tillway_tallies FORCE ROW LEVEL SECURITY;
ALTER TABLE tillway_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE tillway_events FORCE ROW LEVEL SECURITY;

CREATE POLICY tillway_own ON tillway_payments
USING (tenant = current_setting('tillway.tenant', true));
CREATE POLICY tillway_own ON tillway_tallies
USING (tenant IN (current_setting('tillway.tenant', true), ''));
CREATE POLICY tillway_own ON tillway_events
USING (tenant = current_setting('tillway.tenant', true));

-- The way through: a payment's key is its chain's, and its lease is a process's.
CREATE POLICY tillway_all_read ON tillway_payments FOR SELECT
USING (current_setting('tillway.tenant', true) = '*');
CREATE POLICY tillway_all_lease ON tillway_payments FOR UPDATE
USING (current_setting('tillway.tenant', true) = '*');

-- One row a reservation, in the order in which claims take them: its place among the claim's,
-- whose total it changes, by how much in each phase, and the limit that it was tested against.
CREATE FUNCTION tillway_shares(
    the_shares jsonb,
    OUT place integer, OUT tenant text, OUT chain text, OUT name text,
    OUT amount bigint, OUT most bigint, OUT live bigint, OUT settled bigint, OUT landed bigint
) RETURNS SETOF record LANGUAGE sql IMMUTABLE AS $$
    SELECT (s->>0)::integer, s->>1, s->>2, s->>3, (s->>4)::bigint, (s->>5)::bigint,
        (s->>6)::bigint, (s->>7)::bigint, (s->>8)::bigint
    FROM jsonb_array_elements(the_shares) AS s
$$;

-- Changes a total and gives the new one. A total of nothing has no row.
CREATE FUNCTION tillway_add(
    the_tenant text, the_chain text, the_name text, the_change bigint
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    sum bigint;
BEGIN
    INSERT INTO tillway_tallies AS known (tenant, chain, name, total)
    VALUES (the_tenant, the_chain, the_name, the_change)
    ON CONFLICT (name, tenant, chain) DO UPDATE SET total = known.total + excluded.total
    RETURNING total INTO sum;
    IF sum = 0 THEN
        DELETE FROM tillway_tallies
        WHERE name = the_name AND tenant = the_tenant AND chain = the_chain;
    END IF;
    RETURN sum;
END $$;

-- Takes all shares, or none: then gives the place of the first that does not fit.
CREATE FUNCTION tillway_take(the_shares jsonb) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    share record;
    before bigint;
    refused integer;
BEGIN
    FOR share IN SELECT * FROM tillway_shares(the_shares) LOOP
        IF share.live = 0 THEN
            SELECT total INTO before FROM tillway_tallies
            WHERE name = share.name AND tenant = share.tenant AND chain = share.chain;
            before := coalesce(before, 0);
        ELSE
            before := tillway_add(share.tenant, share.chain, share.name, share.live) - share.live;
        END IF;
        IF before + share.amount > share.most THEN
            refused := least(refused, share.place);
        END IF;
    END LOOP;
    IF refused IS NOT NULL THEN
        PERFORM tillway_add(s.tenant, s.chain, s.name, -s.live)
        FROM tillway_shares(the_shares) AS s WHERE s.live <> 0;
    END IF;
    RETURN refused;
END $$;

-- No row: claimed. Else either the place of the share that does not fit, or the first claim.
CREATE FUNCTION tillway_claim(
    the_tenant text, the_chain text, the_key text, the_signature text, the_state text,
    the_owner text, the_lease timestamptz, the_time timestamptz, the_bytes bytea, the_body json,
    the_shares jsonb,
    OUT refused integer, OUT met tillway_payments
) RETURNS SETOF record LANGUAGE plpgsql AS $$
BEGIN
    LOOP
        PERFORM set_config('tillway.tenant', the_tenant, true);
        INSERT INTO tillway_payments (
            tenant, chain, key, signature, state,
            owner, lease_until, created_at, signed, body, shares
        ) VALUES (
            the_tenant, the_chain, the_key, the_signature, the_state,
            the_owner, the_lease, the_time, the_bytes, the_body, the_shares
        ) ON CONFLICT DO NOTHING;
        IF FOUND THEN
            refused := tillway_take(the_shares);
            IF refused IS NOT NULL THEN
                DELETE FROM tillway_payments WHERE key = the_key AND chain = the_chain;
                RETURN NEXT;
            END IF;
            RETURN;
        END IF;
        -- The first claim may be another tenant's.
        PERFORM set_config('tillway.tenant', '*', true);
        SELECT * INTO met FROM tillway_payments WHERE key = the_key AND chain = the_chain;
        IF NOT FOUND THEN
            SELECT * INTO met FROM tillway_payments
            WHERE signature = the_signature AND chain = the_chain;
        END IF;
        IF FOUND THEN
            RETURN NEXT;
            RETURN;
        END IF;
        -- It was given up meanwhile: nothing stands in the way any more.
    END LOOP;
END $$;

-- Facts of one tenant; a repeat of an id does nothing.
CREATE FUNCTION tillway_append(
    the_tenant text, the_ids text[], the_types text[], the_times timestamptz[], the_bodies json[]
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('tillway.tenant', the_tenant, true);
    INSERT INTO tillway_events (tenant, id, type, at, body)
    SELECT the_tenant, fact.* FROM unnest(the_ids, the_types, the_times, the_bodies) AS fact
    ON CONFLICT DO NOTHING;
END $$;

-- Puts a payment in the place of the live claim that its owner holds, with the facts of it, and
-- moves the claim's shares to the phase that follows: none is failed without having landed.
CREATE FUNCTION tillway_rewrite(
    the_tenant text, the_chain text, the_key text, the_signature text, the_state text,
    the_owner text, the_lease timestamptz, the_time timestamptz, the_bytes bytea, the_body json,
    the_phase text,
    the_ids text[], the_types text[], the_times timestamptz[], the_bodies json[]
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    taken jsonb;
BEGIN
    PERFORM set_config('tillway.tenant', the_tenant, true);
    UPDATE tillway_payments SET signature = the_signature, state = the_state,
        lease_until = the_lease, created_at = the_time, signed = the_bytes, body = the_body
    WHERE key = the_key AND chain = the_chain AND tenant IS NOT DISTINCT FROM the_tenant
        AND owner = the_owner AND state IN ('claimed', 'unresolved')
    RETURNING shares INTO taken;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM tillway_add(moved.tenant, moved.chain, moved.name, moved.change) FROM (
        SELECT s.tenant, s.chain, s.name, CASE the_phase
            WHEN 'live' THEN 0
            WHEN 'settled' THEN s.settled - s.live
            WHEN 'landed-failure' THEN s.landed - s.live
            ELSE -s.live
        END AS change
        FROM tillway_shares(taken) AS s
    ) AS moved WHERE moved.change <> 0;
    IF cardinality(the_ids) > 0 THEN
        PERFORM tillway_append(the_tenant, the_ids, the_types, the_times, the_bodies);
    END IF;
    RETURN true;
END $$;

CREATE FUNCTION tillway_renew(
    the_owner text, the_keys text[], the_lease timestamptz
) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    renewed integer;
BEGIN
    PERFORM set_config('tillway.tenant', '*', true);
    -- In one order, so that nobody waits in a circle.
    WITH held AS MATERIALIZED (
        SELECT key, chain FROM tillway_payments
        WHERE key = ANY (the_keys) AND owner = the_owner AND state IN ('claimed', 'unresolved')
        ORDER BY key, chain FOR UPDATE
    )
    UPDATE tillway_payments AS one SET lease_until = greatest(one.lease_until, the_lease)
    FROM held WHERE one.key = held.key AND one.chain = held.chain;
    GET DIAGNOSTICS renewed = ROW_COUNT;
    RETURN renewed;
END $$;

CREATE FUNCTION tillway_take_over(
    the_owner text, the_end timestamptz, the_lease timestamptz, the_limit bigint
) RETURNS SETOF tillway_payments LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('tillway.tenant', '*', true);
    RETURN QUERY
    WITH idle AS MATERIALIZED (
        SELECT key, chain, lease_until FROM tillway_payments
        WHERE lease_until < the_end AND state IN ('claimed', 'unresolved')
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

-- Reads. Those that are `held` keep what they found from changing until their transaction ends.

CREATE FUNCTION tillway_find(
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
END $$;

CREATE FUNCTION tillway_by_signature(
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
END $$;

CREATE FUNCTION tillway_newest(
    the_tenant text, the_end timestamptz, the_limit bigint
) RETURNS SETOF tillway_payments LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('tillway.tenant', the_tenant, true);
    IF the_end IS NULL THEN
        RETURN QUERY SELECT * FROM tillway_payments WHERE tenant = the_tenant
        ORDER BY created_at DESC, chain DESC, key DESC LIMIT the_limit;
    ELSE
        RETURN QUERY SELECT * FROM tillway_payments
        WHERE tenant = the_tenant AND created_at < the_end
        ORDER BY created_at DESC, chain DESC, key DESC LIMIT the_limit;
    END IF;
END $$;

CREATE FUNCTION tillway_totals(
    the_tenant text, the_chain text, the_names text[], held boolean
) RETURNS SETOF tillway_tallies LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('tillway.tenant', the_tenant, true);
    IF held THEN
        RETURN QUERY SELECT * FROM tillway_tallies
        WHERE name = ANY (the_names) AND tenant = the_tenant AND chain = the_chain
        ORDER BY tenant, chain, name FOR UPDATE;
    ELSE
        RETURN QUERY SELECT * FROM tillway_tallies
        WHERE name = ANY (the_names) AND tenant = the_tenant AND chain = the_chain;
    END IF;
END $$;

CREATE FUNCTION tillway_newest_events(
    the_tenant text, the_limit bigint
) RETURNS SETOF tillway_events LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('tillway.tenant', the_tenant, true);
    RETURN QUERY SELECT * FROM tillway_events WHERE tenant = the_tenant
    ORDER BY at DESC, id DESC LIMIT the_limit;
END $$;
