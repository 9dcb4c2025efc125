"""Cards, by Stripe: sessions on its page, what its webhooks tell, refunds and subscriptions."""
