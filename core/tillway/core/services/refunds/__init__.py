"""Money that goes back: asked for, decided, paid out by any way, and booked.

* ``requests``: from what somebody asks for to the decision, whichever way pays it then.
* ``deeds``: who may ask and who decides, and what he signs to do so.
* ``proofs``: paid in tokens, by a transaction that somebody shows as he would show a payment.
* ``automatic``: the same, signed by a wallet of ours where there is one.
* ``providers``: paid by the card's provider, which is asked until it has answered.
* ``approved``: the list that the last two go through by themselves, from time to time.
* ``told``: what that provider tells of refunds: of these, and of those made in its own pages.
* ``unapplied``: refunds that nobody has asked for, of money that bought nothing.
* ``late``: refunds that were paid although they were not due.
* ``booking``: what each of them writes into the books, and tells the seller.
"""
