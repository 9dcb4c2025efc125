"""Carts: what is in them, what they come to, and how they are sold.

* ``baskets``: a buyer's words, compared with the catalogue.
* ``totals``: what that comes to by each way to pay.
* ``carting``: carts made of both, and written down with their prices.
* ``subject``: a cart that was made, as something to be paid for, once.
* ``sales``: the same on a provider's page.
"""
