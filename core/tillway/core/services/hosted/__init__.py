"""Paying on a provider's page: checkouts, and what the provider tells of them.

* ``cards``: products sold there (carts and subscriptions have modules of their own).
* ``least``: what is too little to be paid there.
* ``checkouts``: one opened at the provider, and ended; ``pages``: where its buyer goes after it.
* ``incoming``: an event kept, and applied once; ``news``: each kind handed to whoever applies it.
* ``asking``: which of two things told of one second holds.
* ``backlog``: events that nobody could apply, to be seen and tried again.
* ``sessions``: what a checkout becomes by it; ``payments``: the payment that it brings.
* ``disputes``: money that its owner takes back at his bank.
* ``overdue``: checkouts of which nothing was heard, looked up.
"""
