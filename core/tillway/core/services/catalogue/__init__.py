"""What is for sale: where it is defined, how it is changed, and how it is shown."""
