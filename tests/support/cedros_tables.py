"""Tables of products and coupons as Cedros Pay has them in PostgreSQL, with rows as people have.

The layouts are those of the contract's ``storage_layout``: times have no zone and are UTC.
"""

from typing import Final

PRODUCTS: Final = """
    CREATE TABLE products (
        id TEXT PRIMARY KEY,
        tenant_id TEXT NOT NULL DEFAULT 'default',
        description TEXT,
        fiat_amount BIGINT,
        fiat_currency TEXT,
        stripe_price_id TEXT,
        crypto_amount BIGINT,
        crypto_token TEXT,
        crypto_account TEXT,
        memo_template TEXT,
        metadata JSONB,
        active BOOLEAN DEFAULT true,
        created_at TIMESTAMP DEFAULT now(),
        updated_at TIMESTAMP DEFAULT now()
    )
"""

COUPONS: Final = """
    CREATE TABLE coupons (
        tenant_id TEXT NOT NULL DEFAULT 'default',
        code TEXT,
        discount_type TEXT,
        discount_value BIGINT,
        currency TEXT,
        scope TEXT,
        product_ids JSONB,
        payment_method TEXT,
        auto_apply BOOLEAN DEFAULT false,
        applies_at TEXT,
        usage_limit INT,
        usage_count INT DEFAULT 0,
        starts_at TIMESTAMP,
        expires_at TIMESTAMP,
        active BOOLEAN DEFAULT true,
        metadata JSONB,
        created_at TIMESTAMP DEFAULT now(),
        updated_at TIMESTAMP DEFAULT now(),
        PRIMARY KEY (tenant_id, code)
    )
"""

ROWS: Final = (
    """
    INSERT INTO products (id, description, fiat_amount, fiat_currency, stripe_price_id,
        crypto_amount, crypto_token, crypto_account, memo_template, metadata, created_at)
    VALUES ('ebook', 'A book', 1250, 'USD', 'price_1', 1000000, 'USDC', NULL, '',
        '{"shelf": "A", "pages": 300}', '2024-01-02 03:04:05.678901')
    """,
    # Whatever may be NULL is.
    "INSERT INTO products (id, crypto_amount, crypto_token) VALUES ('token', 50000, 'USDC')",
    "INSERT INTO products (id, fiat_amount, fiat_currency) VALUES ('card', 999, 'eur')",
    """
    INSERT INTO products (id, fiat_amount, fiat_currency, active)
    VALUES ('withdrawn', 100, 'USD', false), ('unsaid', 100, 'USD', NULL)
    """,
    """
    INSERT INTO products (id, tenant_id, fiat_amount, fiat_currency)
    VALUES ('theirs', 'other', 100, 'USD')
    """,
    # As migration 005 leaves them: basis points and cents.
    """
    INSERT INTO coupons (code, discount_type, discount_value, scope, product_ids, auto_apply,
        applies_at, usage_limit, usage_count, expires_at, metadata)
    VALUES
        ('TENTH', 'percentage', 1000, 'all', '[]', false, NULL, 100, 40, NULL, NULL),
        ('ODD', 'percentage', 1840, 'specific', '["ebook"]', true, 'catalog', NULL, NULL,
            '2999-12-31 23:59:59', '{"description": "18.4 %"}'),
        ('FIVE', 'fixed', 500, 'all', NULL, NULL, '', NULL, 0, NULL, '{}')
    """,
    """
    INSERT INTO coupons (code, tenant_id, discount_type, discount_value, scope)
    VALUES ('TENTH', 'other', 'percentage', 5000, 'all')
    """,
)
"""In both tables as they are after migration 006."""
