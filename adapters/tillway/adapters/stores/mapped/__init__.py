"""Products and coupons out of somebody else's rows: which column is which, and what it means."""
