"""Payments on Solana by x402: what a buyer signed, checked, sent and looked up."""
