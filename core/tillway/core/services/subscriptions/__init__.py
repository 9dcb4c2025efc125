"""Subscriptions: sold, billed, changed and looked after."""
