"""Paying on a provider's page: checkouts, and what the provider tells of them.

* ``cards``: products sold there (carts and subscriptions have modules of their own).
* ``checkouts``: one opened at the provider, and ended; ``pages``: where its buyer goes after it.
* ``incoming``: an event kept, and applied once; ``news``: each kind handed to whoever applies it.
* ``sessions``: what a checkout becomes by it; ``payments``: the payment that it brings.
* ``disputes``: money that its owner takes back at his bank.
* ``overdue``: checkouts of which nothing was heard, looked up.
"""
