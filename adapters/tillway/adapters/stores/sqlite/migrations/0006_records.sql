-- Records: values in JSON with the columns by which they are found. A table has indexes for what
-- is asked of it: rows of a tenant (newest), of a group and in a state, newest first; a group's
-- rows in a state that are due late (standing); and what is due early.
-- (tenant, mark) and (tenant, slot) are unique where they are not null.

-- What buyers have put together.
CREATE TABLE carts (
    tenant TEXT NOT NULL CHECK (tenant <> ''),
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    grp TEXT NOT NULL,
    mark TEXT,
    slot TEXT,
    due INTEGER,
    at INTEGER NOT NULL,
    body TEXT NOT NULL CHECK (json_valid(body)),
    PRIMARY KEY (tenant, id)
) STRICT;

CREATE UNIQUE INDEX carts_mark ON carts (tenant, mark) WHERE mark IS NOT NULL;
CREATE UNIQUE INDEX carts_slot ON carts (tenant, slot) WHERE slot IS NOT NULL;
CREATE INDEX carts_standing ON carts (tenant, grp, state, due);
CREATE INDEX carts_due ON carts (state, due, tenant, id) WHERE due IS NOT NULL;

-- Money on its way back.
CREATE TABLE refunds (
    tenant TEXT NOT NULL CHECK (tenant <> ''),
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    grp TEXT NOT NULL,
    mark TEXT,
    slot TEXT,
    due INTEGER,
    at INTEGER NOT NULL,
    body TEXT NOT NULL CHECK (json_valid(body)),
    PRIMARY KEY (tenant, id)
) STRICT;

CREATE UNIQUE INDEX refunds_mark ON refunds (tenant, mark) WHERE mark IS NOT NULL;
CREATE UNIQUE INDEX refunds_slot ON refunds (tenant, slot) WHERE slot IS NOT NULL;
CREATE INDEX refunds_group ON refunds (tenant, grp, at, id);
CREATE INDEX refunds_state ON refunds (tenant, state, at, id);
CREATE INDEX refunds_due ON refunds (state, due, tenant, id) WHERE due IS NOT NULL;

-- Access from period to period. The mark is its id at Stripe, the slot whose it is while it runs.
CREATE TABLE subscriptions (
    tenant TEXT NOT NULL CHECK (tenant <> ''),
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    grp TEXT NOT NULL,
    mark TEXT,
    slot TEXT,
    due INTEGER,
    at INTEGER NOT NULL,
    body TEXT NOT NULL CHECK (json_valid(body)),
    PRIMARY KEY (tenant, id)
) STRICT;

CREATE UNIQUE INDEX subscriptions_mark ON subscriptions (tenant, mark) WHERE mark IS NOT NULL;
CREATE UNIQUE INDEX subscriptions_slot ON subscriptions (tenant, slot) WHERE slot IS NOT NULL;
CREATE INDEX subscriptions_newest ON subscriptions (tenant, at, id);
CREATE INDEX subscriptions_group ON subscriptions (tenant, grp, at, id);
CREATE INDEX subscriptions_due ON subscriptions (state, due, tenant, id) WHERE due IS NOT NULL;

-- Sessions at providers, which are the marks.
CREATE TABLE checkouts (
    tenant TEXT NOT NULL CHECK (tenant <> ''),
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    grp TEXT NOT NULL,
    mark TEXT,
    slot TEXT,
    due INTEGER,
    at INTEGER NOT NULL,
    body TEXT NOT NULL CHECK (json_valid(body)),
    PRIMARY KEY (tenant, id)
) STRICT;

CREATE UNIQUE INDEX checkouts_mark ON checkouts (tenant, mark) WHERE mark IS NOT NULL;
CREATE UNIQUE INDEX checkouts_slot ON checkouts (tenant, slot) WHERE slot IS NOT NULL;
CREATE INDEX checkouts_due ON checkouts (state, due, tenant, id) WHERE due IS NOT NULL;

-- What may be signed once.
CREATE TABLE nonces (
    tenant TEXT NOT NULL CHECK (tenant <> ''),
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    grp TEXT NOT NULL,
    mark TEXT,
    slot TEXT,
    due INTEGER,
    at INTEGER NOT NULL,
    body TEXT NOT NULL CHECK (json_valid(body)),
    PRIMARY KEY (tenant, id)
) STRICT;

CREATE UNIQUE INDEX nonces_mark ON nonces (tenant, mark) WHERE mark IS NOT NULL;
CREATE UNIQUE INDEX nonces_slot ON nonces (tenant, slot) WHERE slot IS NOT NULL;
CREATE INDEX nonces_standing ON nonces (tenant, grp, state, due);
CREATE INDEX nonces_due ON nonces (state, due, tenant, id) WHERE due IS NOT NULL;

-- What requests were answered.
CREATE TABLE answers (
    tenant TEXT NOT NULL CHECK (tenant <> ''),
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    grp TEXT NOT NULL,
    mark TEXT,
    slot TEXT,
    due INTEGER,
    at INTEGER NOT NULL,
    body TEXT NOT NULL CHECK (json_valid(body)),
    PRIMARY KEY (tenant, id)
) STRICT;

CREATE UNIQUE INDEX answers_mark ON answers (tenant, mark) WHERE mark IS NOT NULL;
CREATE UNIQUE INDEX answers_slot ON answers (tenant, slot) WHERE slot IS NOT NULL;
CREATE INDEX answers_due ON answers (state, due, tenant, id) WHERE due IS NOT NULL;

-- Events that others sent.
CREATE TABLE inbox (
    tenant TEXT NOT NULL CHECK (tenant <> ''),
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    grp TEXT NOT NULL,
    mark TEXT,
    slot TEXT,
    due INTEGER,
    at INTEGER NOT NULL,
    body TEXT NOT NULL CHECK (json_valid(body)),
    PRIMARY KEY (tenant, id)
) STRICT;

CREATE UNIQUE INDEX inbox_mark ON inbox (tenant, mark) WHERE mark IS NOT NULL;
CREATE UNIQUE INDEX inbox_slot ON inbox (tenant, slot) WHERE slot IS NOT NULL;
CREATE INDEX inbox_due ON inbox (state, due, tenant, id) WHERE due IS NOT NULL;

-- Facts on their way to endpoints. The mark is both.
CREATE TABLE deliveries (
    tenant TEXT NOT NULL CHECK (tenant <> ''),
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    grp TEXT NOT NULL,
    mark TEXT,
    slot TEXT,
    due INTEGER,
    at INTEGER NOT NULL,
    body TEXT NOT NULL CHECK (json_valid(body)),
    PRIMARY KEY (tenant, id)
) STRICT;

CREATE UNIQUE INDEX deliveries_mark ON deliveries (tenant, mark) WHERE mark IS NOT NULL;
CREATE UNIQUE INDEX deliveries_slot ON deliveries (tenant, slot) WHERE slot IS NOT NULL;
CREATE INDEX deliveries_state ON deliveries (tenant, state, at, id);
CREATE INDEX deliveries_due ON deliveries (state, due, tenant, id) WHERE due IS NOT NULL;

-- Settings of tenants, read in the order of their names.
CREATE TABLE settings (
    tenant TEXT NOT NULL CHECK (tenant <> ''),
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    grp TEXT NOT NULL,
    mark TEXT,
    slot TEXT,
    due INTEGER,
    at INTEGER NOT NULL,
    body TEXT NOT NULL CHECK (json_valid(body)),
    PRIMARY KEY (tenant, id)
) STRICT;

CREATE UNIQUE INDEX settings_mark ON settings (tenant, mark) WHERE mark IS NOT NULL;
CREATE UNIQUE INDEX settings_slot ON settings (tenant, slot) WHERE slot IS NOT NULL;

-- Amounts that are kept in accounts.
CREATE TABLE holds (
    tenant TEXT NOT NULL CHECK (tenant <> ''),
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    grp TEXT NOT NULL,
    mark TEXT,
    slot TEXT,
    due INTEGER,
    at INTEGER NOT NULL,
    body TEXT NOT NULL CHECK (json_valid(body)),
    PRIMARY KEY (tenant, id)
) STRICT;

CREATE UNIQUE INDEX holds_mark ON holds (tenant, mark) WHERE mark IS NOT NULL;
CREATE UNIQUE INDEX holds_slot ON holds (tenant, slot) WHERE slot IS NOT NULL;
CREATE INDEX holds_due ON holds (state, due, tenant, id) WHERE due IS NOT NULL;

-- Turns at what one process does at a time. They are nobody's, and found by name.
CREATE TABLE leases (
    tenant TEXT NOT NULL CHECK (tenant = ''),
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    grp TEXT NOT NULL,
    mark TEXT,
    slot TEXT,
    due INTEGER,
    at INTEGER NOT NULL,
    body TEXT NOT NULL CHECK (json_valid(body)),
    PRIMARY KEY (tenant, id)
) STRICT;

CREATE UNIQUE INDEX leases_mark ON leases (tenant, mark) WHERE mark IS NOT NULL;
CREATE UNIQUE INDEX leases_slot ON leases (tenant, slot) WHERE slot IS NOT NULL;
