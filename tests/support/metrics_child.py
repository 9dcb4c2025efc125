"""A process that counts: how many observations to make is its argument.

It says `ready` and then answers each line on its input: `expose` with all metrics and an empty
line, `quit` by leaving.
"""

import os
import sys
from pathlib import Path

from tillway.adapters.metrics.prometheus import PrometheusObserver
from tillway.core.observations import PaymentStarted, QueryRan


def main() -> None:
    """Count, then answer."""
    observer = PrometheusObserver(Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]))
    for _ in range(int(sys.argv[1])):
        observer(PaymentStarted(method="quote", resource="article"))
        observer(QueryRan(operation="read", backend="file", seconds=0.002))
    print("ready", flush=True)
    for line in sys.stdin:
        if line.strip() == "quit":
            return
        print(observer.expose().body.decode(), flush=True)
        print("end", flush=True)


if __name__ == "__main__":
    main()
