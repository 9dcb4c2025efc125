"""A page for people: what something is, what it costs, and every way to pay it."""
