"""Run a program as a shell in a terminal of its own would: `in_terminal.py TERMINAL PROGRAM ...`.

The terminal is the device of a pseudo terminal, whose other end the caller has. It is the
program's controlling terminal, though its output goes where the caller has sent it.
"""

import os
import signal
import sys

if __name__ == "__main__":
    # As in a terminal, however these tests were started: nohup would be inherited.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    os.setsid()
    os.open(sys.argv[1], os.O_RDWR)  # the first terminal that the leader of a session opens
    os.execv(sys.argv[2], sys.argv[2:])
