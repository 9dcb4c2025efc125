"""Paying by proof: from the quote to the end that is written once."""
