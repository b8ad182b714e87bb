"""Payments: attempts, what comes back of them, and the money on the way, as any payment service tells it.

The first ones are those of the packs `revenue` and `billing`.
"""

from exporter.metric import Metric

ATTEMPTS = Metric(
    "payment_attempts_total",
    "Payments whose outcome became known since the exporter started, by that outcome; a payment tried again is an attempt of "
    "its own.",
    "counter",
    ("source", "outcome", "currency"),
)
VOLUME = Metric(
    "payment_volume_total",
    "Amount of the payments whose outcome is known, by that outcome, in major units. What failed was asked for, not "
    "received; refunds are not subtracted.",
    "counter",
    ("source", "outcome", "currency"),
    unit="currency",
)
FAILURES = Metric(
    "payment_failures_total",
    "Payments that failed since the exporter started, by the reason given; a payment tried again is an attempt of its own.",
    "counter",
    ("source", "reason", "provider", "currency"),
)
FEES = Metric(
    "payment_fees_total",
    "What the provider kept of payments since the exporter started, in major units of the currency in which it settles.",
    "counter",
    ("source", "outcome", "provider", "currency"),
    unit="currency",
)
REFUNDS = Metric(
    "payment_refunds_total",
    "Amounts given back since the exporter started, whole payments or parts of them, by the reason given; `unknown` where "
    "there is none.",
    "counter",
    ("source", "reason", "currency"),
)
REFUND_VOLUME = Metric(
    "payment_refund_volume_total",
    "What was given back, in major units.",
    "counter",
    ("source", "reason", "currency"),
    unit="currency",
)
DISPUTES = Metric(
    "payment_disputes",
    "Payments that were disputed with the bank, by how that stands. open: not decided. won: decided for the company. lost: for "
    "the payer. All that there ever were; a currency that once had one is 0 where it has none.",
    labels=("source", "state", "currency"),
)
DISPUTED = Metric(
    "payment_disputed_amount",
    "What is disputed in payments that were disputed with the bank, or was, by how that stands, in major units.",
    labels=("source", "state", "currency"),
    unit="currency",
)
DISPUTES_OPENED = Metric(
    "payment_disputes_opened_total",
    "Disputes opened since the exporter started, by the reason given.",
    "counter",
    ("source", "reason", "currency"),
)
DISPUTES_OPENED_VOLUME = Metric(
    "payment_disputes_opened_volume_total",
    "What is disputed in disputes opened since the exporter started, by the reason given, in major units.",
    "counter",
    ("source", "reason", "currency"),
    unit="currency",
)
EVIDENCE_DUE = Metric(
    "payment_dispute_evidence_due_timestamp_seconds",
    "By when the first of the disputes that wait for an answer has to be answered, in Unix time. No value while none waits.",
    labels=("source",),
)

BALANCE = Metric(
    "payment_balance",
    "Money held by the provider, in major units; may be negative. available: can be paid out. pending: not yet. reserved: kept "
    "back.",
    labels=("source", "state", "currency"),
    unit="currency",
)
PAYOUTS = Metric(
    "payment_payouts",
    "Payouts to the company's bank begun within the window, by how they stand: pending, in_transit, paid, failed, canceled.",
    labels=("source", "state", "window"),
)
INVOICES = Metric(
    "payment_invoices",
    "Invoices that wait for payment. overdue: the due date is past, or an automatic payment failed. open: neither.",
    labels=("source", "state"),
)
INVOICE_AMOUNT = Metric(
    "payment_invoice_amount",
    "What is still to be paid of the invoices that wait for payment, in major units.",
    labels=("source", "state", "currency"),
    unit="currency",
)
UNDELIVERED = Metric(
    "payment_webhook_events_undelivered",
    "Events within the window that at least one webhook endpoint has not accepted, or not yet.",
    labels=("source", "window"),
)
ENDPOINTS = Metric(
    "payment_webhook_endpoints",
    "Webhook endpoints by state: enabled or disabled.",
    labels=("source", "state"),
)
