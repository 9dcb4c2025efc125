-- The places of facts in the log. Who gives them has the books of their tenants folded.

ALTER TABLE tillway_events
    ADD COLUMN position bigint,
    ADD COLUMN number bigint,
    ADD COLUMN seal text COLLATE "C",
    ADD CHECK (num_nulls(position, number, seal) IN (0, 3));

CREATE UNIQUE INDEX tillway_events_position ON tillway_events (position)
WHERE position IS NOT NULL;
CREATE UNIQUE INDEX tillway_events_number ON tillway_events (tenant, number)
WHERE number IS NOT NULL;
CREATE INDEX tillway_events_chain ON tillway_events (tenant, position)
WHERE position IS NOT NULL;
CREATE INDEX tillway_events_unsealed ON tillway_events (at, tenant, id)
WHERE position IS NULL;
CREATE INDEX tillway_events_told ON tillway_events (tenant, at)
WHERE type <> 'ledger.entry';
DROP INDEX tillway_events_newest;

-- The way through: one log has the facts of all tenants. Their places are written once.
CREATE POLICY tillway_all_read ON tillway_events FOR SELECT
USING (current_setting('tillway.tenant', true) = '*');
CREATE POLICY tillway_all_seal ON tillway_events FOR UPDATE
USING (current_setting('tillway.tenant', true) = '*' AND position IS NULL)
WITH CHECK (current_setting('tillway.tenant', true) = '*' AND position IS NOT NULL);

-- Gives facts their places: all, or none if one of them does not follow what is there.
CREATE FUNCTION tillway_give_places(
    the_owners text[], the_ids text[], the_positions bigint[], the_numbers bigint[],
    the_seals text[]
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    last bigint;
    who text;
BEGIN
    PERFORM set_config('tillway.tenant', '*', true);
    PERFORM tillway_hold('places of facts');
    SELECT coalesce(max(position), 0) INTO last FROM tillway_events WHERE position IS NOT NULL;
    IF EXISTS (
        SELECT FROM (
            SELECT link.*, row_number() OVER (PARTITION BY link.owner ORDER BY link.place) AS nth
            FROM unnest(the_owners, the_positions, the_numbers) WITH ORDINALITY
                AS link (owner, position, number, place)
        ) AS link
        JOIN (
            SELECT one.owner, coalesce((
                SELECT max(known.number) FROM tillway_events AS known
                WHERE known.tenant = one.owner AND known.number IS NOT NULL
            ), 0) AS number
            FROM (SELECT DISTINCT unnest(the_owners) AS owner) AS one
        ) AS head ON head.owner = link.owner
        WHERE link.position <> last + link.place OR link.number <> head.number + link.nth
    ) THEN
        RETURN false;
    END IF;
    IF cardinality(the_ids) > (
        SELECT count(DISTINCT (fact.id, fact.tenant))
        FROM unnest(the_owners, the_ids) AS link (owner, id)
        JOIN tillway_events AS fact
            ON fact.id = link.id AND fact.tenant IS NOT DISTINCT FROM link.owner
        WHERE fact.position IS NULL
    ) THEN
        RETURN false;
    END IF;
    UPDATE tillway_events AS fact
    SET position = link.position, number = link.number, seal = link.seal
    FROM unnest(the_owners, the_ids, the_positions, the_numbers, the_seals)
        AS link (owner, id, position, number, seal)
    WHERE fact.id = link.id AND fact.tenant IS NOT DISTINCT FROM link.owner;
    FOR who IN SELECT DISTINCT one.owner FROM unnest(the_owners) AS one (owner) ORDER BY 1 LOOP
        PERFORM tillway_fold_some(who, 5000);
    END LOOP;
    RETURN true;
END $$;

-- Reads

CREATE OR REPLACE FUNCTION tillway_newest_events(
    the_tenant text, the_limit bigint
) RETURNS SETOF tillway_events LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('tillway.tenant', the_tenant, true);
    RETURN QUERY SELECT * FROM tillway_events
    WHERE tenant = the_tenant AND type <> 'ledger.entry'
    ORDER BY at DESC, id DESC LIMIT the_limit;
END $$;

CREATE FUNCTION tillway_unsealed(
    the_limit bigint
) RETURNS SETOF tillway_events LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('tillway.tenant', '*', true);
    RETURN QUERY SELECT * FROM tillway_events WHERE position IS NULL
    ORDER BY at, tenant, id LIMIT the_limit;
END $$;

-- What has a place: the last of all, the last of a tenant, and what comes after a position.
CREATE FUNCTION tillway_last() RETURNS SETOF tillway_events LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('tillway.tenant', '*', true);
    RETURN QUERY SELECT * FROM tillway_events WHERE position IS NOT NULL
    ORDER BY position DESC LIMIT 1;
END $$;

CREATE FUNCTION tillway_head(
    the_tenant text
) RETURNS SETOF tillway_events LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('tillway.tenant', the_tenant, true);
    RETURN QUERY SELECT * FROM tillway_events
    WHERE tenant = the_tenant AND number IS NOT NULL
    ORDER BY number DESC LIMIT 1;
END $$;

CREATE FUNCTION tillway_after_of_all(
    the_position bigint, the_limit bigint
) RETURNS SETOF tillway_events LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('tillway.tenant', '*', true);
    RETURN QUERY SELECT * FROM tillway_events WHERE position > the_position
    ORDER BY position LIMIT the_limit;
END $$;

CREATE FUNCTION tillway_after(
    the_tenant text, the_position bigint, the_limit bigint
) RETURNS SETOF tillway_events LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('tillway.tenant', the_tenant, true);
    RETURN QUERY SELECT * FROM tillway_events
    WHERE tenant = the_tenant AND position > the_position
    ORDER BY position LIMIT the_limit;
END $$;
