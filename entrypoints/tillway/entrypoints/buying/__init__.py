"""A buyer of x402 v2 resources on Solana: what ``tillway pay`` does, step by step."""
