-- Payments, what they reserve, the facts that they make, and the keys that seal quotes.
-- Times are microseconds since 1970, UTC.

CREATE TABLE payments (
    chain TEXT NOT NULL CHECK (chain <> ''),
    key TEXT NOT NULL CHECK (length(key) = 64),
    tenant TEXT NOT NULL CHECK (tenant <> ''),
    signature TEXT NOT NULL,
    state TEXT NOT NULL CHECK (
        state IN ('claimed', 'unresolved', 'settled', 'unapplied', 'failed', 'reversed')
    ),
    owner TEXT NOT NULL,
    lease_until INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    signed BLOB NOT NULL,
    body TEXT NOT NULL CHECK (json_valid(body)),
    UNIQUE (chain, key),
    UNIQUE (chain, signature)
) STRICT;

CREATE INDEX payments_newest ON payments (tenant, created_at, chain, key);
CREATE INDEX payments_signature ON payments (tenant, signature, created_at);
CREATE INDEX payments_idle ON payments (lease_until, created_at, chain, key)
WHERE state IN ('claimed', 'unresolved');
CREATE INDEX payments_owned ON payments (owner, key)
WHERE state IN ('claimed', 'unresolved');

-- A total belongs to a tenant, or to a chain whose tenants share it.
CREATE TABLE tallies (
    tenant TEXT NOT NULL,
    chain TEXT NOT NULL,
    name TEXT NOT NULL,
    total INTEGER NOT NULL,
    PRIMARY KEY (tenant, chain, name),
    CHECK ((tenant = '') <> (chain = ''))
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    tenant TEXT NOT NULL CHECK (tenant <> ''),
    id TEXT NOT NULL CHECK (id <> ''),
    type TEXT NOT NULL,
    at INTEGER NOT NULL,
    body TEXT NOT NULL CHECK (json_valid(body)),
    UNIQUE (tenant, id)
) STRICT;

CREATE INDEX events_newest ON events (tenant, at, id);

CREATE TABLE quote_keys (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    secret BLOB,
    retired_at INTEGER
) STRICT;
