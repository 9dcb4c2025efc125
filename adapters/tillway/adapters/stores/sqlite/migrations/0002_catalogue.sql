-- What is sold, and what makes it cheaper.

CREATE TABLE products (
    tenant TEXT NOT NULL CHECK (tenant <> ''),
    id TEXT NOT NULL CHECK (id <> ''),
    body TEXT NOT NULL CHECK (json_valid(body)),
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE coupons (
    tenant TEXT NOT NULL CHECK (tenant <> ''),
    id TEXT NOT NULL CHECK (id <> ''),
    body TEXT NOT NULL CHECK (json_valid(body)),
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
