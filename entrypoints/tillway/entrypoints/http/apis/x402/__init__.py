"""The resource itself, for standard x402 clients of every version."""
