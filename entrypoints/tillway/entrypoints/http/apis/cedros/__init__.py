"""The routes of the Cedros Pay server, as its clients call them."""
