"""``python -m tests.bench [names] [--seconds N]``, from the root of the repository."""

import sys
from pathlib import Path

if __name__ == "__main__":
    # As for pytest, the folder of tests is where our modules are found.
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from bench.runner import main

    main()
