"""Money that goes back: asked for, decided, paid out by any way, and booked."""
