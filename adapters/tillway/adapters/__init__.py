"""Technologies behind the core's ports: plain classes with constructor arguments."""
