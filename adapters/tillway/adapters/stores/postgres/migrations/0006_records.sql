-- Records: values in JSON with a few columns, by which they are found. All kinds have the same
-- columns, and tables and indexes of their own for what is asked of each.

CREATE TABLE tillway_carts (
    tenant text COLLATE "C" NOT NULL CHECK (tenant NOT IN ('', '*')),
    id text COLLATE "C" NOT NULL,
    version bigint NOT NULL DEFAULT 0,
    state text COLLATE "C" NOT NULL,
    grp text COLLATE "C" NOT NULL,
    mark text COLLATE "C",
    slot text COLLATE "C",
    due timestamptz,
    at timestamptz NOT NULL,
    body json NOT NULL,
    PRIMARY KEY (id, tenant)
);

CREATE UNIQUE INDEX tillway_carts_mark ON tillway_carts (mark, tenant) WHERE mark IS NOT NULL;
CREATE UNIQUE INDEX tillway_carts_slot ON tillway_carts (slot, tenant) WHERE slot IS NOT NULL;
CREATE INDEX tillway_carts_due ON tillway_carts (state, due, tenant, id) WHERE due IS NOT NULL;

CREATE TABLE tillway_refunds (LIKE tillway_carts INCLUDING ALL);
CREATE TABLE tillway_subscriptions (LIKE tillway_carts INCLUDING ALL);
CREATE TABLE tillway_checkouts (LIKE tillway_carts INCLUDING ALL);
CREATE TABLE tillway_nonces (LIKE tillway_carts INCLUDING ALL);
CREATE TABLE tillway_answers (LIKE tillway_carts INCLUDING ALL);
CREATE TABLE tillway_inbox (LIKE tillway_carts INCLUDING ALL);
CREATE TABLE tillway_deliveries (LIKE tillway_carts INCLUDING ALL);
CREATE TABLE tillway_settings (LIKE tillway_carts INCLUDING ALL);
CREATE TABLE tillway_holds (LIKE tillway_carts INCLUDING ALL);
-- The gateway's own: a lease is no tenant's.
CREATE TABLE tillway_leases (
    LIKE tillway_carts INCLUDING DEFAULTS INCLUDING INDEXES, CHECK (tenant = '')
);

-- Counts.
CREATE INDEX tillway_carts_standing ON tillway_carts (tenant, grp, state, due);
CREATE INDEX tillway_nonces_standing ON tillway_nonces (tenant, grp, state, due);
-- Lists.
CREATE INDEX tillway_refunds_group ON tillway_refunds (tenant, grp, at, id);
CREATE INDEX tillway_refunds_state ON tillway_refunds (tenant, state, at, id);
CREATE INDEX tillway_subscriptions_group ON tillway_subscriptions (tenant, grp, at, id);
CREATE INDEX tillway_subscriptions_newest ON tillway_subscriptions (tenant, at, id);
CREATE INDEX tillway_deliveries_state ON tillway_deliveries (tenant, state, at, id);
CREATE INDEX tillway_settings_order ON tillway_settings (tenant, id);

-- The walls of tenants' tables, with a way through to what is due: it can be held there, and
-- nothing written.
DO $do$
DECLARE
    its_table text;
BEGIN
    FOREACH its_table IN ARRAY ARRAY[
        'tillway_carts', 'tillway_refunds', 'tillway_subscriptions', 'tillway_checkouts',
        'tillway_nonces', 'tillway_answers', 'tillway_inbox', 'tillway_deliveries',
        'tillway_settings', 'tillway_holds'
    ] LOOP
        EXECUTE replace($sql$
            ALTER TABLE tillway_some ENABLE ROW LEVEL SECURITY;
            ALTER TABLE tillway_some FORCE ROW LEVEL SECURITY;
            CREATE POLICY tillway_own ON tillway_some
            USING (tenant = current_setting('tillway.tenant', true));
            CREATE POLICY tillway_all_read ON tillway_some FOR SELECT
            USING (current_setting('tillway.tenant', true) = '*' AND due IS NOT NULL);
            CREATE POLICY tillway_all_hold ON tillway_some FOR UPDATE
            USING (current_setting('tillway.tenant', true) = '*' AND due IS NOT NULL)
            WITH CHECK (false);
        $sql$, 'tillway_some', its_table);
    END LOOP;
END $do$;

-- Functions for each table, which its type chooses: the first argument is a null of that type.
DO $do$
DECLARE
    its_table text;
    verb text;
    arguments text;
    who text;
    lock text;
    query text;
BEGIN
    FOREACH its_table IN ARRAY ARRAY[
        'tillway_carts', 'tillway_refunds', 'tillway_subscriptions', 'tillway_checkouts',
        'tillway_nonces', 'tillway_answers', 'tillway_inbox', 'tillway_deliveries',
        'tillway_settings', 'tillway_holds', 'tillway_leases'
    ] LOOP
        EXECUTE replace($sql$
            CREATE FUNCTION tillway_row_insert(
                the_kind tillway_some, the_tenant text, the_id text, the_state text,
                the_group text, the_mark text, the_slot text, the_due timestamptz,
                the_time timestamptz, the_body json
            ) RETURNS boolean LANGUAGE plpgsql AS $$
            BEGIN
                PERFORM set_config('tillway.tenant', the_tenant, true);
                INSERT INTO tillway_some (tenant, id, state, grp, mark, slot, due, at, body)
                VALUES (
                    the_tenant, the_id, the_state, the_group, the_mark, the_slot, the_due,
                    the_time, the_body
                ) ON CONFLICT DO NOTHING;
                RETURN FOUND;
            END $$;

            -- A mark or a slot may meet another's, which is then no fault of the transaction's.
            CREATE FUNCTION tillway_row_swap(
                the_kind tillway_some, the_tenant text, the_id text, the_version bigint,
                the_state text, the_group text, the_mark text, the_slot text,
                the_due timestamptz, the_body json
            ) RETURNS boolean LANGUAGE plpgsql AS $$
            DECLARE
                known tillway_some;
            BEGIN
                PERFORM set_config('tillway.tenant', the_tenant, true);
                SELECT * INTO known FROM tillway_some
                WHERE id = the_id AND tenant IS NOT DISTINCT FROM the_tenant FOR UPDATE;
                IF known.version IS DISTINCT FROM the_version THEN
                    RETURN false;
                END IF;
                IF (known.mark, known.slot) IS DISTINCT FROM (the_mark, the_slot) THEN
                    BEGIN
                        UPDATE tillway_some SET mark = the_mark, slot = the_slot
                        WHERE id = the_id AND tenant IS NOT DISTINCT FROM the_tenant;
                    EXCEPTION WHEN unique_violation THEN
                        RETURN false;
                    END;
                END IF;
                UPDATE tillway_some SET version = version + 1, state = the_state,
                    grp = the_group, due = the_due, body = the_body
                WHERE id = the_id AND tenant IS NOT DISTINCT FROM the_tenant;
                RETURN true;
            END $$;

            CREATE FUNCTION tillway_row_remove(
                the_kind tillway_some, the_tenant text, the_id text
            ) RETURNS boolean LANGUAGE plpgsql AS $$
            BEGIN
                PERFORM set_config('tillway.tenant', the_tenant, true);
                DELETE FROM tillway_some
                WHERE id = the_id AND tenant IS NOT DISTINCT FROM the_tenant;
                RETURN FOUND;
            END $$;

            CREATE FUNCTION tillway_row_count(
                the_kind tillway_some, the_tenant text, the_group text, the_state text,
                the_due timestamptz, the_most bigint
            ) RETURNS bigint LANGUAGE plpgsql AS $$
            BEGIN
                PERFORM set_config('tillway.tenant', the_tenant, true);
                RETURN (SELECT count(*) FROM (
                    SELECT FROM tillway_some WHERE tenant = the_tenant AND grp = the_group
                        AND state = the_state AND due >= the_due LIMIT the_most
                ) AS found_some);
            END $$;
        $sql$, 'tillway_some', its_table);
        -- Reads: the arguments, for whom, how what is held is locked, and what is asked.
        FOR verb, arguments, who, lock, query IN VALUES
            ('tillway_row_get', 'the_tenant text, the_id text', 'the_tenant', 'FOR UPDATE', $sql$
                SELECT * FROM tillway_some
                WHERE id = the_id AND tenant IS NOT DISTINCT FROM the_tenant /* lock */
            $sql$),
            ('tillway_row_marked', 'the_tenant text, the_mark text', 'the_tenant', 'FOR UPDATE',
            $sql$
                SELECT * FROM tillway_some
                WHERE mark = the_mark AND tenant IS NOT DISTINCT FROM the_tenant /* lock */
            $sql$),
            ('tillway_row_slotted', 'the_tenant text, the_slot text', 'the_tenant', 'FOR UPDATE',
            $sql$
                SELECT * FROM tillway_some
                WHERE slot = the_slot AND tenant IS NOT DISTINCT FROM the_tenant /* lock */
            $sql$),
            ('tillway_row_newest', 'the_tenant text, the_end timestamptz, the_limit bigint',
            'the_tenant', 'FOR UPDATE', $sql$
                SELECT * FROM tillway_some
                WHERE tenant = the_tenant AND at < coalesce(the_end, 'infinity')
                ORDER BY at DESC, id DESC LIMIT the_limit /* lock */
            $sql$),
            ('tillway_row_in_group',
            'the_tenant text, the_group text, the_end timestamptz, the_limit bigint',
            'the_tenant', 'FOR UPDATE', $sql$
                SELECT * FROM tillway_some
                WHERE tenant = the_tenant AND grp = the_group
                    AND at < coalesce(the_end, 'infinity')
                ORDER BY at DESC, id DESC LIMIT the_limit /* lock */
            $sql$),
            ('tillway_row_in_states',
            'the_tenant text, the_states text[], the_end timestamptz, the_limit bigint',
            'the_tenant', 'FOR UPDATE', $sql$
                SELECT found_one.* FROM (
                    SELECT DISTINCT unnest(the_states) AS state
                ) AS wanted CROSS JOIN LATERAL (
                    SELECT * FROM tillway_some AS one
                    WHERE one.tenant = the_tenant AND one.state = wanted.state
                        AND one.at < coalesce(the_end, 'infinity')
                    ORDER BY one.at DESC, one.id DESC LIMIT the_limit /* lock */
                ) AS found_one
                ORDER BY found_one.at DESC, found_one.id DESC LIMIT the_limit
            $sql$),
            ('tillway_row_in_order', 'the_tenant text, the_limit bigint', 'the_tenant',
            'FOR UPDATE', $sql$
                SELECT * FROM tillway_some WHERE tenant = the_tenant
                ORDER BY id LIMIT the_limit /* lock */
            $sql$),
            ('tillway_row_due', 'the_states text[], the_end timestamptz, the_limit bigint',
            '''*''', 'FOR UPDATE SKIP LOCKED', $sql$
                SELECT found_one.* FROM (
                    SELECT DISTINCT unnest(the_states) AS state
                ) AS wanted CROSS JOIN LATERAL (
                    SELECT * FROM tillway_some AS one
                    WHERE one.state = wanted.state AND one.due < the_end
                    ORDER BY one.due, one.tenant, one.id LIMIT the_limit /* lock */
                ) AS found_one
                ORDER BY found_one.due, found_one.tenant, found_one.id LIMIT the_limit
            $sql$)
        LOOP
            EXECUTE replace(format(
                $sql$
                    CREATE FUNCTION %s(
                        the_kind tillway_some, %s, held boolean
                    ) RETURNS SETOF tillway_some LANGUAGE plpgsql AS $$
                    BEGIN
                        PERFORM set_config('tillway.tenant', %s, true);
                        IF held THEN
                            RETURN QUERY %s;
                        ELSE
                            RETURN QUERY %s;
                        END IF;
                    END $$
                $sql$,
                verb, arguments, who, replace(query, '/* lock */', lock), query
            ), 'tillway_some', its_table);
        END LOOP;
    END LOOP;
END $do$;
