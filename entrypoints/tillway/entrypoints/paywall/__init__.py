"""The paywall, whatever serves it: what a request gets, and how often a payment runs a handler."""
