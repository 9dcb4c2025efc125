-- The ledger. An entry is a fact in the log; here are its postings, and what they come to.

-- A name is of one asset. Free is what no hold keeps.
CREATE TABLE accounts (
    tenant TEXT NOT NULL CHECK (tenant <> ''),
    name TEXT NOT NULL CHECK (name <> ''),
    asset TEXT NOT NULL CHECK (json_valid(asset)),
    total INTEGER NOT NULL,
    free INTEGER NOT NULL,
    PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;

-- In the order of accounts' histories. That an entry is there once is the log's to see to.
CREATE TABLE lines (
    tenant TEXT NOT NULL CHECK (tenant <> ''),
    account TEXT NOT NULL CHECK (account <> ''),
    at INTEGER NOT NULL,
    entry TEXT NOT NULL CHECK (entry <> ''),
    place INTEGER NOT NULL CHECK (place >= 0),
    minor INTEGER NOT NULL,
    asset TEXT NOT NULL,
    PRIMARY KEY (tenant, account, at, entry, place)
) STRICT, WITHOUT ROWID;
