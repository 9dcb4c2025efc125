-- Places of facts: in the log of all tenants, and in the chain of their own. Given afterwards.

ALTER TABLE events ADD COLUMN position INTEGER CHECK (position > 0);
ALTER TABLE events ADD COLUMN number INTEGER CHECK (number > 0);
ALTER TABLE events ADD COLUMN seal TEXT
CHECK ((seal IS NULL) = (position IS NULL) AND (seal IS NULL) = (number IS NULL));

CREATE UNIQUE INDEX events_position ON events (position) WHERE position IS NOT NULL;
CREATE UNIQUE INDEX events_number ON events (tenant, number) WHERE number IS NOT NULL;
CREATE INDEX events_of_tenant ON events (tenant, position) WHERE position IS NOT NULL;
CREATE INDEX events_unsealed ON events (at, tenant, id) WHERE position IS NULL;

-- Ledger entries are facts, and are not listed with the others.
DROP INDEX events_newest;
CREATE INDEX events_newest ON events (tenant, at, id) WHERE type <> 'ledger.entry';
