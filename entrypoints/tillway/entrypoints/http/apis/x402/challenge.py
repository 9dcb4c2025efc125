"""What the gateway's routes say where money is due."""

from tillway.entrypoints.paywall.replies import NO_STORE as NO_STORE
from tillway.entrypoints.paywall.replies import PAYMENT_REQUIRED_TEXT as PAYMENT_REQUIRED_TEXT
