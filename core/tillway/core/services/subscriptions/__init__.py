"""Subscriptions: sold, billed, changed and looked after.

* ``known``: who has subscribed to what, and until when that gives access.
* ``periods``: one period, as something that is paid for by proof.
* ``activate``: a payment that has bought a period shown, or made one of it.
* ``cards``: sold on a provider's page; ``bills``: begun and moved on by what it tells then;
  ``renewals``: the money of each period that it bills, booked.
* ``changes``: ended, taken back, put on another plan by whoever may.
* ``upkeep``: moved on by time alone, by one process for all; ``postponed``: those it leaves alone.
* ``returns``: taken back with the money that paid for it, and given back with that.
* ``facts``: what the seller hears of each move.
* ``subscribe``: all of these, joined.
"""
