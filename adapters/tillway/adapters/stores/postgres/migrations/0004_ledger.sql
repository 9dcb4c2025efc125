-- The books of the ledger.
--
-- What is in an account is its total, plus the changes that are not folded into it yet. A line
-- and its change are therefore written without touching the account, and one that gets every
-- payment keeps nobody waiting. Who has to know what is free locks the account, then looks. Folding
-- moves changes into the total, under the account's lock and in one transaction: whoever looks in
-- one statement sees each change once. Lines are never changed.

-- Sums have more digits than 64 bits: what was written can always be folded.
CREATE TABLE tillway_accounts (
    tenant text COLLATE "C" NOT NULL CHECK (tenant NOT IN ('', '*')),
    name text COLLATE "C" NOT NULL,
    -- Null as long as nothing was folded.
    asset text COLLATE "C",
    total numeric NOT NULL DEFAULT 0,
    held numeric NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, name)
);

CREATE TABLE tillway_lines (
    tenant text COLLATE "C" NOT NULL CHECK (tenant NOT IN ('', '*')),
    account text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL,
    entry text COLLATE "C" NOT NULL,
    place integer NOT NULL,
    minor bigint NOT NULL,
    asset text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, account, at, entry, place)
);

-- Changes that are not folded yet: few, and soon gone.
CREATE TABLE tillway_unfolded (
    tenant text COLLATE "C" NOT NULL CHECK (tenant NOT IN ('', '*')),
    account text COLLATE "C" NOT NULL,
    entry text COLLATE "C" NOT NULL,
    place integer NOT NULL,
    minor bigint NOT NULL,
    asset text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, account, entry, place)
);

ALTER TABLE tillway_accounts ENABLE ROW LEVEL SECURITY;
ALTER TABLE tillway_accounts FORCE ROW LEVEL SECURITY;
ALTER TABLE tillway_lines ENABLE ROW LEVEL SECURITY;
ALTER TABLE tillway_lines FORCE ROW LEVEL SECURITY;
ALTER TABLE tillway_unfolded ENABLE ROW LEVEL SECURITY;
ALTER TABLE tillway_unfolded FORCE ROW LEVEL SECURITY;

CREATE POLICY tillway_own ON tillway_accounts
USING (tenant = current_setting('tillway.tenant', true));
CREATE POLICY tillway_own ON tillway_lines
USING (tenant = current_setting('tillway.tenant', true));
CREATE POLICY tillway_own ON tillway_unfolded
USING (tenant = current_setting('tillway.tenant', true));

-- Folds some changes of an account that the caller has locked.
CREATE FUNCTION tillway_fold(
    the_tenant text, the_account text, the_limit bigint
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    WITH done AS (
        DELETE FROM tillway_unfolded WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM tillway_unfolded
            WHERE tenant = the_tenant AND account = the_account LIMIT the_limit
        ))
        RETURNING minor, asset
    )
    UPDATE tillway_accounts AS one
    SET total = one.total + moved.minor, asset = coalesce(one.asset, moved.asset)
    FROM (SELECT sum(minor) AS minor, min(asset) AS asset FROM done) AS moved
    WHERE one.tenant = the_tenant AND one.name = the_account AND moved.asset IS NOT NULL;
END $$;

-- Folds some changes of a tenant. An account that somebody has locked, or makes in this moment, is
-- left for later.
CREATE FUNCTION tillway_fold_some(
    the_tenant text, the_limit bigint
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    names text[];
    each text;
BEGIN
    PERFORM set_config('tillway.tenant', the_tenant, true);
    names := ARRAY(SELECT DISTINCT change.account FROM (
        SELECT account FROM tillway_unfolded
        WHERE tenant = the_tenant ORDER BY account LIMIT the_limit
    ) AS change);
    FOR each IN
        SELECT one.name FROM unnest(names) AS one (name) WHERE NOT EXISTS (
            SELECT FROM tillway_accounts AS known
            WHERE known.tenant = the_tenant AND known.name = one.name
        ) ORDER BY one.name
    LOOP
        IF pg_try_advisory_xact_lock(
            1416194156, hashtext('account ' || the_tenant || ' ' || each)
        ) THEN
            INSERT INTO tillway_accounts (tenant, name) VALUES (the_tenant, each)
            ON CONFLICT DO NOTHING;
        END IF;
    END LOOP;
    FOR each IN
        SELECT one.name FROM tillway_accounts AS one
        WHERE one.tenant = the_tenant AND one.name = ANY (names)
        ORDER BY one.name FOR UPDATE SKIP LOCKED
    LOOP
        PERFORM tillway_fold(the_tenant, each, the_limit);
    END LOOP;
END $$;

-- Locks an account and gives what is in it, and what of that is free. One that is not there is
-- made. Where many changes are not folded yet, some of them are.
CREATE FUNCTION tillway_lock(
    the_tenant text, the_account text, OUT total numeric, OUT free numeric
) LANGUAGE plpgsql AS $$
DECLARE
    known tillway_accounts;
    fresh numeric;
    many bigint;
BEGIN
    LOOP
        SELECT * INTO known FROM tillway_accounts AS one
        WHERE one.tenant = the_tenant AND one.name = the_account FOR UPDATE;
        EXIT WHEN FOUND;
        PERFORM tillway_hold('account ' || the_tenant || ' ' || the_account);
        INSERT INTO tillway_accounts (tenant, name) VALUES (the_tenant, the_account)
        ON CONFLICT DO NOTHING;
    END LOOP;
    -- In a statement of its own, which sees whatever was folded before we had the lock.
    SELECT coalesce(sum(change.minor), 0), count(*) INTO fresh, many
    FROM tillway_unfolded AS change
    WHERE change.tenant = the_tenant AND change.account = the_account;
    IF many > 100 THEN
        PERFORM tillway_fold(the_tenant, the_account, 1000);
    END IF;
    total := known.total + fresh;
    free := total - known.held;
END $$;

-- Tells whether an entry has to be tested for leaving 64 bits, which takes its accounts' locks:
-- where an amount is large, or an account more than half full. Of other amounts it takes many
-- thousands that are not folded yet to fill the other half.
CREATE FUNCTION tillway_is_large(
    the_tenant text, the_accounts text[], the_minors bigint[]
) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RETURN 281474976710656 <= ANY (the_minors) OR -281474976710656 >= ANY (the_minors) OR EXISTS (
        SELECT FROM tillway_accounts
        WHERE tenant = the_tenant AND name = ANY (the_accounts)
            AND (total >= 4611686018427387904 OR total <= -4611686018427387904)
    );
END $$;

-- Refuses what would leave 64 bits, and keeps the accounts locked.
CREATE FUNCTION tillway_bound(
    the_tenant text, the_accounts text[], the_minors bigint[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    change record;
    rest numeric;
BEGIN
    FOR change IN
        SELECT line.account, sum(line.minor) AS minor
        FROM unnest(the_accounts, the_minors) AS line (account, minor)
        GROUP BY line.account ORDER BY line.account
    LOOP
        rest := (tillway_lock(the_tenant, change.account)).total + change.minor;
        IF rest NOT BETWEEN -9223372036854775808 AND 9223372036854775807 THEN
            RAISE numeric_value_out_of_range;
        END IF;
    END LOOP;
END $$;

-- Facts of one tenant, and the lines of those that are entries. A repeat of a fact's id does
-- nothing, its lines included.
CREATE FUNCTION tillway_tell(
    the_tenant text, the_ids text[], the_types text[], the_times timestamptz[], the_bodies json[],
    the_facts text[], the_entries text[], the_places integer[], the_accounts text[],
    the_minors bigint[], the_assets text[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    is_large boolean;
BEGIN
    PERFORM set_config('tillway.tenant', the_tenant, true);
    is_large := tillway_is_large(the_tenant, the_accounts, the_minors);
    IF is_large THEN
        PERFORM tillway_bound(the_tenant, the_accounts, the_minors);
    END IF;
    WITH told AS (
        INSERT INTO tillway_events (tenant, id, type, at, body)
        SELECT the_tenant, fact.* FROM unnest(the_ids, the_types, the_times, the_bodies) AS fact
        ON CONFLICT DO NOTHING RETURNING id, at
    ), new AS (
        SELECT line.account, told.at, line.entry, line.place, line.minor, line.asset
        FROM unnest(the_facts, the_entries, the_places, the_accounts, the_minors, the_assets)
            AS line (fact, entry, place, account, minor, asset)
        JOIN told ON told.id = line.fact
    ), written AS (
        INSERT INTO tillway_lines (tenant, account, at, entry, place, minor, asset)
        SELECT the_tenant, new.account, new.at, new.entry, new.place, new.minor, new.asset FROM new
    )
    INSERT INTO tillway_unfolded (tenant, account, entry, place, minor, asset)
    SELECT the_tenant, new.account, new.entry, new.place, new.minor, new.asset FROM new;
    IF is_large THEN
        PERFORM tillway_fold(the_tenant, one.name, NULL)
        FROM (SELECT DISTINCT unnest(the_accounts) AS name) AS one;
    END IF;
END $$;

-- Puts a payment in the place of the one that its owner holds and that is in one of the states,
-- with the facts and lines of it, and moves its shares from one phase to another: none is
-- failed without having landed, or reversed.
CREATE FUNCTION tillway_rewrite(
    the_tenant text, the_chain text, the_key text, the_signature text, the_state text,
    the_owner text, the_lease timestamptz, the_time timestamptz, the_bytes bytea, the_body json,
    is_watched boolean, the_user text,
    the_states text[], the_phase text, the_next_phase text,
    the_ids text[], the_types text[], the_times timestamptz[], the_bodies json[],
    the_facts text[], the_entries text[], the_places integer[], the_accounts text[],
    the_minors bigint[], the_assets text[]
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    taken jsonb;
BEGIN
    PERFORM set_config('tillway.tenant', the_tenant, true);
    -- Nearly always with the signature that it has.
    UPDATE tillway_payments SET state = the_state,
        lease_until = the_lease, created_at = the_time, signed = the_bytes, body = the_body,
        watched = is_watched, user_id = coalesce(the_user, user_id)
    WHERE key = the_key AND chain = the_chain AND tenant IS NOT DISTINCT FROM the_tenant
        AND owner = the_owner AND state = ANY (the_states)
        AND signature IS NOT DISTINCT FROM the_signature
    RETURNING shares INTO taken;
    IF NOT FOUND THEN
        UPDATE tillway_payments SET signature = the_signature, state = the_state,
            lease_until = the_lease, created_at = the_time, signed = the_bytes, body = the_body,
            watched = is_watched, user_id = coalesce(the_user, user_id)
        WHERE key = the_key AND chain = the_chain AND tenant IS NOT DISTINCT FROM the_tenant
            AND owner = the_owner AND state = ANY (the_states)
        RETURNING shares INTO taken;
        IF NOT FOUND THEN
            RETURN false;
        END IF;
        IF tillway_is_archived(the_chain, the_key, the_signature, the_tenant) THEN
            RAISE unique_violation;
        END IF;
    END IF;
    PERFORM tillway_add(moved.tenant, moved.chain, moved.name, moved.change) FROM (
        SELECT s.tenant, s.chain, s.name, CASE the_next_phase
            WHEN 'live' THEN s.live
            WHEN 'settled' THEN s.settled
            WHEN 'landed-failure' THEN s.landed
            ELSE 0
        END - CASE the_phase
            WHEN 'live' THEN s.live
            WHEN 'settled' THEN s.settled
            ELSE 0
        END AS change
        FROM tillway_shares(taken) AS s
    ) AS moved WHERE moved.change <> 0;
    IF cardinality(the_ids) > 0 THEN
        PERFORM tillway_tell(
            the_tenant, the_ids, the_types, the_times, the_bodies,
            the_facts, the_entries, the_places, the_accounts, the_minors, the_assets
        );
    END IF;
    RETURN true;
END $$;

-- What programs of the step before call.
CREATE OR REPLACE FUNCTION tillway_rewrite(
    the_tenant text, the_chain text, the_key text, the_signature text, the_state text,
    the_owner text, the_lease timestamptz, the_time timestamptz, the_bytes bytea, the_body json,
    the_phase text,
    the_ids text[], the_types text[], the_times timestamptz[], the_bodies json[]
) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('tillway.tenant', the_tenant, true);
    RETURN tillway_rewrite(
        the_tenant, the_chain, the_key, the_signature, the_state,
        the_owner, the_lease, the_time, the_bytes, the_body,
        false, tillway_user_in(the_body), '{claimed,unresolved}', 'live', the_phase,
        the_ids, the_types, the_times, the_bodies, '{}', '{}', '{}', '{}', '{}', '{}'
    );
END $$;

-- Writes an entry: its fact, and a line for each place. Null: it is written. -1: its fact is
-- there. Else the place of the first line that would leave less than its least free.
CREATE FUNCTION tillway_enter(
    the_tenant text, the_id text, the_type text, the_time timestamptz, the_body json,
    the_entry text, the_accounts text[], the_minors bigint[], the_assets text[],
    the_leasts numeric[]
) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    is_large boolean;
    locked text[] := '{}';
    frees numeric[] := '{}';
    each text;
    short integer;
BEGIN
    PERFORM set_config('tillway.tenant', the_tenant, true);
    INSERT INTO tillway_events (tenant, id, type, at, body)
    VALUES (the_tenant, the_id, the_type, the_time, the_body) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN -1;
    END IF;
    is_large := tillway_is_large(the_tenant, the_accounts, the_minors);
    IF is_large THEN
        PERFORM tillway_bound(the_tenant, the_accounts, the_minors);
    END IF;
    FOR each IN
        SELECT DISTINCT line.account FROM unnest(the_accounts, the_leasts) AS line (account, least)
        WHERE line.least IS NOT NULL ORDER BY line.account
    LOOP
        locked := locked || each;
        frees := frees || (tillway_lock(the_tenant, each)).free;
    END LOOP;
    SELECT min(tested.place) - 1 INTO short FROM (
        SELECT line.place, line.least, known.free
            + sum(line.minor) OVER (PARTITION BY line.account ORDER BY line.place) AS rest
        FROM unnest(the_accounts, the_minors, the_leasts) WITH ORDINALITY
            AS line (account, minor, least, place)
        JOIN unnest(locked, frees) AS known (account, free) ON known.account = line.account
    ) AS tested WHERE tested.rest < tested.least;
    IF short IS NOT NULL THEN
        DELETE FROM tillway_events WHERE id = the_id AND tenant IS NOT DISTINCT FROM the_tenant;
        -- What was made to be locked says nothing.
        DELETE FROM tillway_accounts AS one WHERE one.tenant = the_tenant
            AND one.name = ANY (locked) AND one.asset IS NULL AND one.held = 0;
        RETURN short;
    END IF;
    INSERT INTO tillway_lines (tenant, account, at, entry, place, minor, asset)
    SELECT the_tenant, line.account, the_time, the_entry, line.place - 1, line.minor, line.asset
    FROM unnest(the_accounts, the_minors, the_assets) WITH ORDINALITY
        AS line (account, minor, asset, place);
    INSERT INTO tillway_unfolded (tenant, account, entry, place, minor, asset)
    SELECT the_tenant, line.account, the_entry, line.place - 1, line.minor, line.asset
    FROM unnest(the_accounts, the_minors, the_assets) WITH ORDINALITY
        AS line (account, minor, asset, place)
    WHERE line.account <> ALL (locked);
    -- What is locked anyway is folded at once.
    UPDATE tillway_accounts AS one
    SET total = one.total + moved.minor, asset = coalesce(one.asset, moved.asset)
    FROM (
        SELECT line.account, sum(line.minor) AS minor, min(line.asset) AS asset
        FROM unnest(the_accounts, the_minors, the_assets) AS line (account, minor, asset)
        WHERE line.account = ANY (locked) GROUP BY line.account
    ) AS moved
    WHERE one.tenant = the_tenant AND one.name = moved.account;
    IF is_large THEN
        PERFORM tillway_fold(the_tenant, one.name, NULL)
        FROM (SELECT DISTINCT unnest(the_accounts) AS name) AS one;
    END IF;
    RETURN NULL;
END $$;

-- Changes what is free in an account that was posted to, if that leaves the least.
CREATE FUNCTION tillway_reserve(
    the_tenant text, the_account text, the_change bigint, the_least numeric
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    rest numeric;
BEGIN
    PERFORM set_config('tillway.tenant', the_tenant, true);
    IF NOT EXISTS (
        SELECT FROM tillway_accounts WHERE tenant = the_tenant AND name = the_account
    ) AND NOT EXISTS (
        SELECT FROM tillway_unfolded WHERE tenant = the_tenant AND account = the_account
    ) THEN
        RETURN false;
    END IF;
    rest := (tillway_lock(the_tenant, the_account)).free + the_change;
    IF rest < the_least THEN
        RETURN false;
    END IF;
    IF rest NOT BETWEEN -9223372036854775808 AND 9223372036854775807 THEN
        RAISE numeric_value_out_of_range;
    END IF;
    UPDATE tillway_accounts SET held = held - the_change
    WHERE tenant = the_tenant AND name = the_account;
    RETURN true;
END $$;

-- Changes a running total, if that leaves it at the most at most. A total of nothing has no row.
CREATE FUNCTION tillway_take_one(
    the_tenant text, the_chain text, the_name text, the_change bigint, the_most bigint
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    before bigint;
BEGIN
    PERFORM set_config('tillway.tenant', the_tenant, true);
    IF the_most IS NOT NULL THEN
        -- What is not there is made to be locked.
        before := tillway_add(the_tenant, the_chain, the_name, 0);
        IF before::numeric + the_change > the_most THEN
            RETURN false;
        END IF;
    END IF;
    PERFORM tillway_add(the_tenant, the_chain, the_name, the_change);
    RETURN true;
END $$;

-- Reads

CREATE FUNCTION tillway_fact(
    the_tenant text, the_id text
) RETURNS SETOF tillway_events LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('tillway.tenant', the_tenant, true);
    RETURN QUERY SELECT * FROM tillway_events
    WHERE id = the_id AND tenant IS NOT DISTINCT FROM the_tenant;
END $$;

-- An account. Held, it is locked if it has a row: lines that test nothing are written all the same.
CREATE FUNCTION tillway_account(
    the_tenant text, the_account text, held boolean
) RETURNS TABLE (name text, asset text, total numeric, free numeric) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('tillway.tenant', the_tenant, true);
    IF held AND EXISTS (
        SELECT FROM tillway_accounts AS one
        WHERE one.tenant = the_tenant AND one.name = the_account
    ) THEN
        PERFORM tillway_lock(the_tenant, the_account);
    END IF;
    RETURN QUERY
    SELECT the_account, coalesce(known.asset, fresh.asset),
        coalesce(known.total, 0) + fresh.minor,
        coalesce(known.total, 0) + fresh.minor - coalesce(known.held, 0)
    FROM (
        SELECT coalesce(sum(change.minor), 0) AS minor, min(change.asset) AS asset
        FROM tillway_unfolded AS change
        WHERE change.tenant = the_tenant AND change.account = the_account
    ) AS fresh
    LEFT JOIN tillway_accounts AS known
        ON known.tenant = the_tenant AND known.name = the_account
    WHERE coalesce(known.asset, fresh.asset) IS NOT NULL;
END $$;

CREATE FUNCTION tillway_all_accounts(
    the_tenant text, the_name text, the_limit bigint
) RETURNS TABLE (name text, asset text, total numeric, free numeric) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('tillway.tenant', the_tenant, true);
    RETURN QUERY
    SELECT one.name, coalesce(known.asset, fresh.asset),
        coalesce(known.total, 0) + fresh.minor,
        coalesce(known.total, 0) + fresh.minor - coalesce(known.held, 0)
    FROM (
        (SELECT listed.name FROM tillway_accounts AS listed
        WHERE listed.tenant = the_tenant AND listed.name > the_name AND listed.asset IS NOT NULL
        ORDER BY listed.name LIMIT the_limit)
        UNION
        (SELECT DISTINCT change.account FROM tillway_unfolded AS change
        WHERE change.tenant = the_tenant AND change.account > the_name
        ORDER BY change.account LIMIT the_limit)
        ORDER BY 1 LIMIT the_limit
    ) AS one
    LEFT JOIN tillway_accounts AS known
        ON known.tenant = the_tenant AND known.name = one.name
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(change.minor), 0) AS minor, min(change.asset) AS asset
        FROM tillway_unfolded AS change
        WHERE change.tenant = the_tenant AND change.account = one.name
    ) AS fresh
    ORDER BY one.name;
END $$;

-- An account's lines, newest first, of entries below a time and a key.
CREATE FUNCTION tillway_history(
    the_tenant text, the_account text, the_time timestamptz, the_entry text, the_limit bigint
) RETURNS SETOF tillway_lines LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('tillway.tenant', the_tenant, true);
    RETURN QUERY SELECT * FROM tillway_lines
    WHERE tenant = the_tenant AND account = the_account
        AND (at, entry) < (coalesce(the_time, 'infinity'), coalesce(the_entry, ''))
    ORDER BY at DESC, entry DESC, place DESC LIMIT the_limit;
END $$;
