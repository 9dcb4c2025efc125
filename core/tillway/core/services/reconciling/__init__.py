"""Compare what the gateway believes with what rails, books and the log say, in words."""
