"""What the core asks of the outside world. Each docstring is the law of its port."""
