"""What agents and browsers ask first: what is sold here, how it is paid, how the API looks."""
