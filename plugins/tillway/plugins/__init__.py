"""How a technology gets into the gateway: hooks, settings and loading by name."""
