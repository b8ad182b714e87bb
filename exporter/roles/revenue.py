"""Revenue: subscriptions and what they bring, as any billing service tells it. The first two are those of the pack `revenue`.

Definitions: https://docs.stripe.com/billing/subscriptions/analytics/glossary
"""

from exporter.metric import Metric

MRR = Metric(
    "saas_mrr",
    "Monthly recurring revenue in major units, by plan: the price of each subscription that is paid for, lasting discounts "
    "taken off, divided by the months it covers. Trials, free plans, usage and taxes add nothing.",
    labels=("source", "plan", "currency"),
    unit="currency",
)
CUSTOMERS = Metric(
    "saas_customers",
    "Customers by status. active: at least one subscription with a price is paid for. trialing: none is, but one is in its "
    "trial. churned: neither, but one was paid for before.",
    labels=("source", "status"),
)
SUBSCRIPTIONS = Metric(
    "saas_subscriptions",
    "Subscriptions by status, as the service calls it: trialing, active, past_due, unpaid, paused, canceled, ...",
    labels=("source", "status"),
)
CANCELING = Metric(
    "saas_subscriptions_canceling",
    "Subscriptions that still run, and are to end at a date that is set.",
    labels=("source",),
)
PAUSED = Metric(
    "saas_subscriptions_paused",
    "Subscriptions that still run, and for which no payment is collected for the time being.",
    labels=("source",),
)
