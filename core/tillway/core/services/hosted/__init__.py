"""Paying on a provider's page: checkouts, and what the provider tells of them."""
