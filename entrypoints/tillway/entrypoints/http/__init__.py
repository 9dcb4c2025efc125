"""The HTTP server: one aiohttp application, a face for each API."""
