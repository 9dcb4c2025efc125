-- What is sold, what makes it cheaper, and the keys that seal quotes.

CREATE TABLE tillway_definitions (
    tenant text COLLATE "C" NOT NULL CHECK (tenant NOT IN ('', '*')),
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('product', 'coupon')),
    id text COLLATE "C" NOT NULL CHECK (id <> ''),
    body json NOT NULL,
    PRIMARY KEY (tenant, kind, id)
);

ALTER TABLE tillway_definitions ENABLE ROW LEVEL SECURITY;
ALTER TABLE tillway_definitions FORCE ROW LEVEL SECURITY;

CREATE POLICY tillway_own ON tillway_definitions
USING (tenant = current_setting('tillway.tenant', true));

-- The gateway's own: tenants' keys are derived from these and are never stored.
CREATE TABLE tillway_quote_keys (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text COLLATE "C" NOT NULL UNIQUE,
    secret bytea,
    retired_at timestamptz
);

-- Who reads before he writes holds the whole of a tenant's definitions, or all keys: what is not
-- there cannot be held, and these are written seldom. 1416194156 spells "Till".
CREATE FUNCTION tillway_hold(the_whole text) RETURNS void LANGUAGE sql AS $$
    SELECT pg_advisory_xact_lock(1416194156, hashtext(the_whole))
$$;

-- Writes a definition and gives null. If it is to be the first and is not, it is not written, and
-- what is there is given.
CREATE FUNCTION tillway_put(
    the_tenant text, the_kind text, the_id text, the_body json, first boolean
) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
    known json;
BEGIN
    PERFORM set_config('tillway.tenant', the_tenant, true);
    PERFORM tillway_hold('definitions ' || the_tenant);
    SELECT body INTO known FROM tillway_definitions
    WHERE tenant = the_tenant AND kind = the_kind AND id = the_id;
    IF FOUND AND first THEN
        RETURN known;
    END IF;
    INSERT INTO tillway_definitions (tenant, kind, id, body)
    VALUES (the_tenant, the_kind, the_id, the_body)
    ON CONFLICT (tenant, kind, id) DO UPDATE SET body = excluded.body;
    RETURN NULL;
END $$;

CREATE FUNCTION tillway_remove(
    the_tenant text, the_kind text, the_id text
) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('tillway.tenant', the_tenant, true);
    PERFORM tillway_hold('definitions ' || the_tenant);
    DELETE FROM tillway_definitions
    WHERE tenant = the_tenant AND kind = the_kind AND id = the_id;
    RETURN FOUND;
END $$;

-- One definition, or with null for its id the first of them all.
CREATE FUNCTION tillway_definitions(
    the_tenant text, the_kind text, the_id text, the_limit bigint, held boolean
) RETURNS TABLE (body json) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('tillway.tenant', the_tenant, true);
    IF held THEN
        PERFORM tillway_hold('definitions ' || the_tenant);
    END IF;
    IF the_id IS NULL THEN
        RETURN QUERY SELECT known.body FROM tillway_definitions AS known
        WHERE known.tenant = the_tenant AND known.kind = the_kind
        ORDER BY known.id LIMIT the_limit;
    ELSE
        RETURN QUERY SELECT known.body FROM tillway_definitions AS known
        WHERE known.tenant = the_tenant AND known.kind = the_kind AND known.id = the_id;
    END IF;
END $$;

CREATE FUNCTION tillway_add_key(the_id text, the_secret bytea, the_time timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tillway_hold('quote keys');
    INSERT INTO tillway_quote_keys (id, secret, retired_at)
    VALUES (the_id, the_secret, the_time) ON CONFLICT DO NOTHING;
END $$;

-- A key's first retirement counts; null takes it into use again.
CREATE FUNCTION tillway_retire_key(the_id text, the_time timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tillway_hold('quote keys');
    UPDATE tillway_quote_keys SET retired_at = the_time
    WHERE id = the_id AND (the_time IS NULL) <> (retired_at IS NULL);
END $$;

CREATE FUNCTION tillway_keys(held boolean)
RETURNS SETOF tillway_quote_keys LANGUAGE plpgsql AS $$
BEGIN
    IF held THEN
        PERFORM tillway_hold('quote keys');
    END IF;
    RETURN QUERY SELECT * FROM tillway_quote_keys ORDER BY number;
END $$;
