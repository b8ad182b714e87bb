"""Stripe's objects, whole, from rows of the company's books. Source: https://docs.stripe.com/api, version 2026-09-30.endive"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

Row = Mapping[str, Any]
Object = dict[str, Any]

API_VERSION = "2026-09-30.endive"
COUPON = "FIRSTMONTH20"
_ANSWERED_AFTER = timedelta(days=5)  # from when on a dispute is under review
_DUE_AFTER = timedelta(days=14)
_DAY = 86400

# What the company calls a reason, as the failure code and the bank's own reason; the last one is what an outage looks like.
_DECLINES = {
    "insufficient_funds": ("card_declined", "insufficient_funds"),
    "card_declined": ("card_declined", "generic_decline"),
    "expired_card": ("expired_card", "expired_card"),
    "provider_unavailable": ("card_declined", "issuer_not_available"),
}
_REFUND_REASONS = {"requested": "requested_by_customer", "duplicate": "duplicate", "fraud": "fraudulent"}


def stripe_id(prefix: str, own: str) -> str:
    """An id of Stripe's for one of the company's."""
    return f"{prefix}_{own.partition('_')[2]}"


def product(plan: str, created: int) -> Object:
    return {
        "id": f"prod_{plan}", "object": "product", "active": True, "created": created, "default_price": None,
        "description": None, "images": [], "livemode": True, "marketing_features": [], "metadata": {}, "name": plan,
        "package_dimensions": None, "shippable": None, "statement_descriptor": None, "tax_code": None, "type": "service",
        "unit_label": None, "updated": created, "url": None,
    }  # fmt: skip


def price(row: Row, created: int) -> Object:
    """The price of a row with plan, currency, price_cents and billing_months."""
    yearly = row["billing_months"] % 12 == 0
    count = row["billing_months"] // 12 if yearly else row["billing_months"]
    return {
        "id": price_id(row), "object": "price", "active": True, "billing_scheme": "per_unit", "created": created,
        "currency": row["currency"], "custom_unit_amount": None, "livemode": True, "lookup_key": None, "metadata": {},
        "nickname": None, "product": f"prod_{row['plan']}",
        "recurring": {
            "interval": "year" if yearly else "month", "interval_count": count, "meter": None, "trial_period_days": None,
            "usage_type": "licensed",
        },
        "tax_behavior": "exclusive", "tiers_mode": None, "transform_quantity": None, "type": "recurring",
        "unit_amount": row["price_cents"], "unit_amount_decimal": str(row["price_cents"]),
    }  # fmt: skip


def price_id(row: Row) -> str:
    return f"price_{row['plan']}_{row['currency']}_{row['billing_months']}_{row['price_cents']}"


def coupon(created: int) -> Object:
    """The only coupon: a fifth off the first invoice, so that recurring revenue is the same with it and without."""
    return {
        "id": COUPON, "object": "coupon", "amount_off": None, "created": created, "currency": None, "duration": "once",
        "duration_in_months": None, "livemode": True, "max_redemptions": None, "metadata": {}, "name": "A fifth off",
        "percent_off": 20.0, "redeem_by": None, "times_redeemed": 0, "valid": True,
    }  # fmt: skip


def subscription(row: Row, expand: frozenset[str], opened: int) -> Object:
    """A subscription; those by the year have the coupon while on trial."""
    own, customer = stripe_id("sub", row["id"]), stripe_id("cus", row["account_id"])
    discounted = row["status"] == "trialing" and row["billing_months"] == 12
    discounts = [_discount(row, own, customer, expand, opened)] if discounted else []
    return {
        "id": own, "object": "subscription", "application": None, "application_fee_percent": None,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": row["trial_end"] or row["created"], "billing_cycle_anchor_config": None,
        "billing_mode": {"flexible": None, "type": "classic"}, "billing_schedules": [], "billing_thresholds": None,
        "cancel_at": None, "cancel_at_period_end": False, "canceled_at": row["ended"],
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "collection_method": "charge_automatically", "created": row["created"], "currency": row["currency"],
        "customer": customer, "customer_account": None, "days_until_due": None, "default_payment_method": None,
        "default_source": None, "default_tax_rates": [], "description": None, "discounts": discounts,
        "ended_at": row["ended"], "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
        "items": {
            "object": "list", "data": [item(row, own, opened)], "has_more": False, "total_count": 1,
            "url": f"/v1/subscription_items?subscription={own}",
        },
        "latest_invoice": None, "livemode": True, "managed_payments": None, "metadata": {},
        "next_pending_invoice_item_invoice": None, "on_behalf_of": None, "pause_collection": None,
        "payment_settings": {
            "payment_method_options": None, "payment_method_types": None, "save_default_payment_method": "off",
        },
        "pending_invoice_item_interval": None, "pending_setup_intent": None, "pending_update": None, "schedule": None,
        "start_date": row["created"], "status": row["status"], "test_clock": None, "transfer_data": None,
        "trial_end": row["trial_end"],
        "trial_settings": {"end_behavior": {"missing_payment_method": "cancel"}},
        "trial_start": row["created"] if row["trial_end"] else None,
    }  # fmt: skip


def item(row: Row, owner: str, opened: int) -> Object:
    return {
        "id": stripe_id("si", row["id"]), "object": "subscription_item", "billing_thresholds": None,
        "created": row["created"], "current_period_end": row["stretch"] + 30 * _DAY * row["billing_months"],
        "current_period_start": row["stretch"], "discounts": [], "metadata": {}, "plan": {}, "price": price(row, opened),
        "quantity": 1, "subscription": owner, "tax_rates": [],
    }  # fmt: skip


def _discount(row: Row, owner: str, customer: str, expand: frozenset[str], opened: int) -> Object | str:
    own = stripe_id("di", row["id"])
    if not any(path.startswith("data.discounts") for path in expand):
        return own
    held = coupon(opened) if "data.discounts.source.coupon" in expand else COUPON
    return {
        "id": own, "object": "discount", "checkout_session": None, "customer": customer, "customer_account": None,
        "end": None, "invoice": None, "invoice_item": None, "promotion_code": None,
        "source": {"coupon": held, "type": "coupon"}, "start": row["created"], "subscription": owner,
        "subscription_item": None,
    }  # fmt: skip


def charge(row: Row) -> Object:
    """A payment through Stripe, whichever its outcome."""
    paid = row["error_code"] is None
    code, declined = (None, None) if paid else _DECLINES.get(row["error_code"], ("card_declined", row["error_code"]))
    amount = row["amount_cents"]
    return {
        "id": stripe_id("ch", row["id"]), "object": "charge", "amount": amount, "amount_captured": amount if paid else 0,
        "amount_refunded": 0, "application": None, "application_fee": None, "application_fee_amount": None,
        "balance_transaction": stripe_id("txn", row["id"]) if paid else None,
        "billing_details": {"address": None, "email": None, "name": None, "phone": None, "tax_id": None},
        "calculated_statement_descriptor": "SHOP EXAMPLE", "captured": paid, "created": row["created"],
        "currency": row["currency"], "customer": stripe_id("cus", row["account_id"]), "description": None,
        "disputed": False, "failure_balance_transaction": None, "failure_code": code, "failure_message": None,
        "fraud_details": {}, "livemode": True, "metadata": {}, "on_behalf_of": None,
        "outcome": {
            "advice_code": None, "network_advice_code": None, "network_decline_code": None,
            "network_status": "approved_by_network" if paid else "declined_by_network", "reason": declined,
            "risk_level": "normal", "seller_message": None, "type": "authorized" if paid else "issuer_declined",
        },
        "paid": paid, "payment_intent": stripe_id("pi", row["id"]), "payment_method": stripe_id("pm", row["account_id"]),
        "payment_method_details": {"card": {"brand": "visa", "funding": "credit"}, "type": "card"}, "radar_options": {},
        "receipt_email": None, "receipt_number": None, "receipt_url": None, "refunded": False, "review": None,
        "shipping": None, "source_transfer": None, "statement_descriptor": None, "statement_descriptor_suffix": None,
        "status": "succeeded" if paid else "failed", "transfer_data": None, "transfer_group": None,
    }  # fmt: skip


def payment_intent(row: Row) -> Object:
    """What a payment was tried for: here each attempt is an intent of its own."""
    paid, amount = row["error_code"] is None, row["amount_cents"]
    return {
        "id": stripe_id("pi", row["id"]), "object": "payment_intent", "amount": amount, "amount_capturable": 0,
        "amount_received": amount if paid else 0, "application": None, "application_fee_amount": None,
        "automatic_payment_methods": None, "canceled_at": None, "cancellation_reason": None,
        "capture_method": "automatic", "client_secret": None, "confirmation_method": "automatic",
        "created": row["created"], "currency": row["currency"], "customer": stripe_id("cus", row["account_id"]),
        "description": None, "last_payment_error": None, "latest_charge": stripe_id("ch", row["id"]), "livemode": True,
        "metadata": {}, "next_action": None, "on_behalf_of": None, "payment_method": None, "payment_method_options": {},
        "payment_method_types": ["card"], "processing": None, "receipt_email": None, "review": None,
        "setup_future_usage": "off_session", "shipping": None, "source": None, "statement_descriptor": None,
        "statement_descriptor_suffix": None, "status": "succeeded" if paid else "requires_payment_method",
        "transfer_data": None, "transfer_group": None,
    }  # fmt: skip


def refund(row: Row) -> Object:
    return {
        "id": stripe_id("re", row["id"]), "object": "refund", "amount": row["amount_cents"],
        "balance_transaction": stripe_id("txn", row["id"]), "charge": stripe_id("ch", row["payment_id"]),
        "created": row["created"], "currency": row["currency"],
        "destination_details": {"card": {"type": "refund"}, "type": "card"}, "metadata": {},
        "payment_intent": stripe_id("pi", row["payment_id"]), "reason": _REFUND_REASONS.get(row["reason"]),
        "receipt_number": None, "source_transfer_reversal": None, "status": "succeeded", "transfer_reversal": None,
    }  # fmt: skip


def dispute(row: Row) -> Object:
    """A dispute as it stands: it waits for an answer, is under review from the fifth day on, and in the end decided."""
    answered = row["now"] >= row["opened_at"] + _ANSWERED_AFTER
    due = row["opened_at"] + _DUE_AFTER
    return {
        "id": stripe_id("du", row["id"]), "object": "dispute", "amount": row["amount_cents"], "balance_transactions": [],
        "charge": stripe_id("ch", row["payment_id"]), "created": row["created"], "currency": row["currency"],
        "enhanced_eligibility_types": [], "evidence": {"enhanced_evidence": {}},
        "evidence_details": {
            "due_by": int(due.timestamp()), "enhanced_eligibility": {}, "has_evidence": answered,
            "past_due": row["now"] > due, "submission_count": int(answered),
            "submission_method": "manual" if answered else "not_submitted",
        },
        "is_charge_refundable": False, "livemode": True, "metadata": {},
        "payment_intent": stripe_id("pi", row["payment_id"]), "reason": row["reason"] or "general",
        "status": row["decided"] or ("under_review" if answered else "needs_response"),
    }  # fmt: skip


def balance_transaction(row: Row) -> Object:
    """The money of a payment, or of a refund, on its way into the balance or out of it."""
    amount, fee, paid = row["amount_cents"], row["fee_cents"], row["kind"] == "charge"
    details = {
        "amount": fee, "application": None, "currency": row["currency"], "description": "Stripe processing fees",
        "type": "stripe_fee",
    }  # fmt: skip
    return {
        "id": stripe_id("txn", row["id"]), "object": "balance_transaction", "amount": amount,
        "available_on": row["created"] + (2 * _DAY if paid else 0), "balance_type": "payments", "created": row["created"],
        "currency": row["currency"], "description": None, "exchange_rate": None, "fee": fee,
        "fee_details": [details] if fee else [], "net": amount - fee, "reporting_category": row["kind"],
        "source": stripe_id("ch" if paid else "re", row["id"]),
        "status": "available" if not paid or row["settled"] else "pending", "type": row["kind"],
    }  # fmt: skip


def payout(row: Row) -> Object:
    """What was sent to the bank at a midnight; it takes a day to arrive."""
    own = payout_id(row)
    return {
        "id": own, "object": "payout", "amount": row["amount_cents"], "application_fee": None,
        "application_fee_amount": None, "arrival_date": row["created"] + _DAY, "automatic": True,
        "balance_transaction": f"txn_{own}", "created": row["created"], "currency": row["currency"],
        "description": "STRIPE PAYOUT", "destination": f"ba_{row['currency']}", "failure_balance_transaction": None,
        "failure_code": None, "failure_message": None, "livemode": True, "metadata": {}, "method": "standard",
        "original_payout": None, "payout_method": None, "reconciliation_status": "completed", "reversed_by": None,
        "source_type": "card", "statement_descriptor": None, "status": "paid" if row["arrived"] else "in_transit",
        "trace_id": None, "type": "bank_account",
    }  # fmt: skip


def payout_id(row: Row) -> str:
    return f"po_{row['currency']}_{row['created']}"


def invoice(row: Row) -> Object:
    """The invoice of a subscription whose last payment failed and will be tried again."""
    owner, amount = stripe_id("sub", row["id"]), row["price_cents"]
    return {
        "id": stripe_id("in", row["id"]), "object": "invoice", "account_country": "US", "account_name": "Shop",
        "account_tax_ids": None, "amount_due": amount, "amount_overpaid": 0, "amount_paid": 0, "amount_remaining": amount,
        "amount_shipping": 0, "application": None, "attempt_count": 1, "attempted": True,
        "auto_advance": True,
        "automatic_tax": {
            "disabled_reason": None, "enabled": False, "liability": None, "provider": None, "status": None,
        },
        "automatically_finalizes_at": None, "billing_reason": "subscription_cycle",
        "collection_method": "charge_automatically", "created": row["created"], "currency": row["currency"],
        "custom_fields": None, "customer": stripe_id("cus", row["account_id"]), "customer_account": None,
        "customer_address": None, "customer_email": None, "customer_name": None, "customer_phone": None,
        "customer_shipping": None, "customer_tax_exempt": "none", "customer_tax_ids": [], "default_payment_method": None,
        "default_source": None, "default_tax_rates": [], "description": None, "discounts": [], "due_date": None,
        "effective_at": row["created"], "ending_balance": 0, "footer": None, "from_invoice": None,
        "hosted_invoice_url": None, "invoice_pdf": None, "issuer": {"type": "self"}, "last_finalization_error": None,
        "latest_revision": None,
        "lines": {"object": "list", "data": [], "has_more": False, "total_count": 0, "url": "/v1/invoices/lines"},
        "livemode": True, "metadata": {}, "next_payment_attempt": row["created"] + 3 * _DAY, "number": None,
        "on_behalf_of": None,
        "parent": {
            "quote_details": None, "subscription_details": {"metadata": {}, "subscription": owner},
            "type": "subscription_details",
        },
        "payment_settings": {"default_mandate": None, "payment_method_options": None, "payment_method_types": None},
        "period_end": row["created"], "period_start": row["created"] - 30 * _DAY,
        "post_payment_credit_notes_amount": 0, "pre_payment_credit_notes_amount": 0, "receipt_number": None,
        "rendering": None, "shipping_cost": None, "shipping_details": None, "starting_balance": 0,
        "statement_descriptor": None, "status": "open",
        "status_transitions": {
            "finalized_at": row["created"], "marked_uncollectible_at": None, "paid_at": None, "voided_at": None,
        },
        "subtotal": amount, "subtotal_excluding_tax": amount, "test_clock": None, "total": amount,
        "total_discount_amounts": [], "total_excluding_tax": amount, "total_pretax_credit_amounts": [], "total_taxes": [],
        "webhooks_delivered_at": row["created"],
    }  # fmt: skip


def charge_event(row: Row) -> Object:
    """That a payment's outcome is known. One of 256 is not delivered."""
    kind = "charge.succeeded" if row["error_code"] is None else "charge.failed"
    return _event(stripe_id("evt_c", row["id"]), kind, row["created"], charge(row), delivered=not row["id"].endswith("00"))


def refund_event(row: Row) -> Object:
    """That money was given back."""
    return _event(stripe_id("evt_r", row["id"]), "refund.created", row["created"], refund(row))


def dispute_event(row: Row) -> Object:
    """That a payment is disputed: the dispute as it was then."""
    opened = {**row, "now": row["opened_at"], "decided": None}
    return _event(stripe_id("evt_d", row["id"]), "charge.dispute.created", row["created"], dispute(opened))


def _event(own: str, kind: str, created: int, held: Object, *, delivered: bool = True) -> Object:
    return {
        "id": own, "object": "event", "api_version": API_VERSION, "created": created, "data": {"object": held},
        "livemode": True, "pending_webhooks": 0 if delivered else 1, "request": {"id": None, "idempotency_key": None},
        "type": kind,
    }  # fmt: skip


def endpoint(own: str, status: str, created: int) -> Object:
    return {
        "id": own, "object": "webhook_endpoint", "api_version": None, "application": None, "created": created,
        "description": None, "enabled_events": ["*"], "livemode": True, "metadata": {}, "status": status,
        "url": "https://shop.example/hooks/stripe",
    }  # fmt: skip


def balance(funds: Mapping[str, list[Object]]) -> Object:
    return {"object": "balance", "available": funds["available"], "livemode": True, "pending": funds["pending"]}


def fund(amount: int, currency: str) -> Object:
    return {"amount": amount, "currency": currency, "source_types": {"card": amount}}
