"""The reference page of all errors, written from the codes, their statuses and the reasons.

`python -m tillway.entrypoints.http.reference > docs/reference/errors.md` renews it.
"""

import sys
from collections.abc import Iterator
from typing import Final

from tillway.adapters.x402.reasons import CODES
from tillway.core.codes import RETRYABLE, Code, message_of
from tillway.entrypoints.http.statuses import STATUSES
from tillway.entrypoints.paywall.reasons import WITH_OFFER

_INTRODUCTION: Final = """\
# Errors

Generated from the codes in `tillway.core.codes`, the table of statuses and the reasons of the x402
rail. A code never changes its meaning, its message or whether it is worth asking again.

Every error is one envelope:

```json
{
  "error": {
    "code": "quote_expired",
    "message": "The quote has expired. Please request a new one.",
    "retryable": false
  }
}
```

What a machine may want to know besides stands in `details`, which is left out if there is nothing.

* **Status** is the HTTP status on all routes but `/paywall/{id}`.
* **At `/paywall/{id}`**, *offer* means 402 with a fresh offer, and as `error` the code or the
  rail's own reason: the buyer may pay anew. Other codes are answered as everywhere.
* **Again** tells that the same request may succeed later. A payment that is on its way has
  `transaction_not_confirmed`: ask again with the same proof, never with another.
* **Says** is what people read, unless a refusal has something more exact to say.
"""

_REASONS: Final = """\
## Reasons of x402

At `/paywall/{id}` the `error` of a 402 is what x402 facilitators call `invalidReason`. The words
are those that the official TypeScript and Go facilitators share.

| Reason | Code elsewhere |
|---|---|"""


def render_errors() -> str:
    """Give the page in Markdown."""
    parts = [_INTRODUCTION, *_codes(), "", _REASONS, *_reasons()]
    return "\n".join(parts) + "\n"


def _codes() -> Iterator[str]:
    yield "## Codes\n"
    yield "| Code | Status | At `/paywall/{id}` | Again | Says |\n|---|---|---|---|---|"
    for code in Code:
        place = "offer" if code in WITH_OFFER else ""
        again = "yes" if code in RETRYABLE else ""
        words = message_of(code)
        yield f"| `{code}` | {STATUSES[code]} | {place} | {again} | {words} |"


def _reasons() -> Iterator[str]:
    for reason, code in CODES.items():
        yield f"| `{reason}` | `{code}` |"


if __name__ == "__main__":
    sys.stdout.write(render_errors())
