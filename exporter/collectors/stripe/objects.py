"""What is read of Stripe's objects, as models: a field that lacks, or has another type, is refused with its name.

Source: https://docs.stripe.com/api and, for types, stripe-python 16.1.0
"""

from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from exporter.errors import Malformed

Minor = Annotated[int, Field(ge=-(10**15), le=10**15)]
Amount = Annotated[Decimal, Field(ge=-(10**15), le=10**15)]
"""Minor units that need not be whole."""
Count = Annotated[int, Field(ge=0, le=10**12)]
Positive = Annotated[int, Field(ge=1, le=10**9)]
Timestamp = Annotated[int, Field(ge=0, le=10**11)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{3}$", to_lower=True)]
Id = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]


class Part(BaseModel):
    """Of an object, what is needed; the rest is passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


P = TypeVar("P", bound=Part)


def read(model: type[P], data: object, place: str) -> P:
    """An object of the answer from `place`. Raises `Malformed`, which names the field and never its value."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "the object"
        message = f"{place}: expected {field} as documented, got something else ({first['type']}); is it Stripe's API?"
        raise Malformed(message) from None


class Page(Part):
    """One page of a list."""

    data: list[dict[str, Any]]
    has_more: bool


class Tier(Part):
    """One step of a price that depends on the quantity."""

    up_to: Count | None = None
    unit_amount: Minor | None = None
    unit_amount_decimal: Amount | None = None
    flat_amount: Minor | None = None
    flat_amount_decimal: Amount | None = None


class Recurring(Part):
    """How often a price is charged."""

    interval: Literal["day", "week", "month", "year"]
    interval_count: Positive
    usage_type: Word = "licensed"


class TransformQuantity(Part):
    """What a quantity is divided by before it is charged."""

    divide_by: Positive
    round: Literal["up", "down"]


class Charged(Part):
    """What is charged, in one currency."""

    unit_amount: Minor | None = None
    unit_amount_decimal: Amount | None = None
    tiers: list[Tier] | None = None


class Price(Charged):
    """A price. Of its currencies, `currency` is the one that its own amounts are in."""

    id: Id
    product: Id
    currency: Currency
    billing_scheme: Literal["per_unit", "tiered"]
    tiers_mode: Literal["graduated", "volume"] | None = None
    transform_quantity: TransformQuantity | None = None
    recurring: Recurring | None = None
    nickname: str | None = None
    lookup_key: str | None = None
    currency_options: dict[str, Charged] | None = None


class AppliesTo(Part):
    products: list[Id]


class CurrencyOption(Part):
    amount_off: Minor


class Coupon(Part):
    """What a discount takes off."""

    id: Id
    duration: Word
    percent_off: Annotated[Decimal, Field(ge=0, le=100)] | None = None
    amount_off: Minor | None = None
    currency: Currency | None = None
    currency_options: dict[str, CurrencyOption] | None = None
    applies_to: AppliesTo | None = None


class Source(Part):
    coupon: Coupon | Id | None = None


class Discount(Part):
    """That a coupon holds for a subscription or an item."""

    source: Source


class Item(Part):
    """One price of a subscription."""

    price: Price
    quantity: Count | None = None
    discounts: list[Discount] = Field(default_factory=list)


class Items(Part):
    data: list[Item]
    has_more: bool


class Subscription(Part):
    id: Id
    status: Word
    currency: Currency
    customer: Id | None = None
    start_date: Timestamp
    trial_end: Timestamp | None = None
    ended_at: Timestamp | None = None
    cancel_at: Timestamp | None = None
    cancel_at_period_end: bool
    pause_collection: dict[str, Any] | None = None
    discounts: list[Discount]
    items: Items


class Product(Part):
    id: Id
    name: str


class Charge(Part):
    """A payment, as an event holds it."""

    amount: Minor
    amount_captured: Minor
    captured: bool
    currency: Currency
    failure_code: Word | None = None
    outcome: "Outcome | None" = None


class Outcome(Part):
    reason: Word | None = None


class Refund(Part):
    amount: Minor
    currency: Currency
    reason: Word | None = None
    status: Word | None = None


class EvidenceDetails(Part):
    due_by: Timestamp | None = None


class Dispute(Part):
    id: Id
    amount: Minor
    currency: Currency
    created: Timestamp
    reason: Word
    status: Word
    evidence_details: EvidenceDetails


class EventData(Part):
    object: dict[str, Any]
    previous_attributes: dict[str, Any] | None = None


class Event(Part):
    id: Id
    type: Word
    created: Timestamp
    data: EventData


class Entry(Part):
    """A balance transaction."""

    id: Id
    created: Timestamp
    type: Word
    fee: Minor
    currency: Currency


class Funds(Part):
    amount: Minor
    currency: Currency


class Balance(Part):
    available: list[Funds]
    pending: list[Funds]
    connect_reserved: list[Funds] | None = None


class Invoice(Part):
    currency: Currency
    amount_remaining: Minor
    attempted: bool
    collection_method: Word
    due_date: Timestamp | None = None


class Payout(Part):
    created: Timestamp
    status: Word


class Endpoint(Part):
    status: Word


class Undelivered(Part):
    created: Timestamp
