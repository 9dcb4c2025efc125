"""Carts: what is in them, what they come to, and how they are sold."""
