"""The three ways to write a payment, read to one neutral proof."""
