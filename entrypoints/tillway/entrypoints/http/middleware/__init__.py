"""What every request passes through, one file each, in the order of `stack`."""
