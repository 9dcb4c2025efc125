"""The settings that our own plugins declare, one module a section; importing them is cheap."""
