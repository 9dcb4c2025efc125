-- Payments that are looked at after they have ended, whose they are, and where old ones go.

ALTER TABLE payments ADD COLUMN watched INTEGER NOT NULL DEFAULT 0 CHECK (watched IN (0, 1));
ALTER TABLE payments ADD COLUMN user_id TEXT;

-- It was a part of the body until now, and stays there for processes of the version before.
UPDATE payments SET user_id = json_extract(body, '$.user_id')
WHERE json_extract(body, '$.user_id') IS NOT NULL;

-- It lacked the chain, so that the newest of a signature was looked for among all.
DROP INDEX payments_signature;
CREATE INDEX payments_signature ON payments (tenant, signature, created_at, chain);
CREATE INDEX payments_user ON payments (tenant, user_id, created_at, chain, key)
WHERE user_id IS NOT NULL;
CREATE INDEX payments_watched ON payments (lease_until, created_at, chain, key)
WHERE watched = 1 AND state IN ('settled', 'unapplied', 'failed', 'reversed');
CREATE INDEX payments_over ON payments (created_at, chain, key)
WHERE watched = 0 AND state IN ('settled', 'unapplied', 'failed', 'reversed');

CREATE TABLE archive (
    chain TEXT NOT NULL,
    key TEXT NOT NULL,
    tenant TEXT NOT NULL,
    signature TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('settled', 'unapplied', 'failed', 'reversed')),
    owner TEXT NOT NULL,
    lease_until INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    signed BLOB NOT NULL,
    body TEXT NOT NULL,
    watched INTEGER NOT NULL CHECK (watched = 0),
    user_id TEXT,
    UNIQUE (chain, key),
    UNIQUE (chain, signature)
) STRICT;

CREATE INDEX archive_newest ON archive (tenant, created_at, chain, key);
CREATE INDEX archive_signature ON archive (tenant, signature, created_at, chain);

-- What is archived stays taken, whoever writes: the version before does not look for it there.
CREATE TRIGGER payments_taken BEFORE INSERT ON payments
WHEN EXISTS (SELECT 1 FROM archive WHERE chain = NEW.chain AND key = NEW.key)
OR EXISTS (SELECT 1 FROM archive WHERE chain = NEW.chain AND signature = NEW.signature)
BEGIN
    SELECT RAISE(ABORT, 'the payment is archived');
END;

CREATE TRIGGER payments_signature_taken BEFORE UPDATE OF signature ON payments
WHEN NEW.signature <> OLD.signature
AND EXISTS (SELECT 1 FROM archive WHERE chain = NEW.chain AND signature = NEW.signature)
BEGIN
    SELECT RAISE(ABORT, 'the signature is archived');
END;

-- The version before writes it into the body only.
CREATE TRIGGER payments_user_id AFTER INSERT ON payments
WHEN NEW.user_id IS NULL AND json_extract(NEW.body, '$.user_id') IS NOT NULL
BEGIN
    UPDATE payments SET user_id = json_extract(NEW.body, '$.user_id')
    WHERE chain = NEW.chain AND key = NEW.key;
END;
