create table shop.refunds (
  id text primary key,
  payment_id text not null references shop.payments,
  amount_cents int not null,
  currency text not null,
  reason text,
  refunded_at timestamptz not null
);
create index on shop.refunds (refunded_at);

create table shop.disputes (
  id text primary key,
  payment_id text not null references shop.payments,
  amount_cents int not null,
  currency text not null,
  reason text,
  opened_at timestamptz not null,
  decided_at timestamptz,
  decision text check (decision in ('won', 'lost'))
);
create index on shop.disputes (opened_at);
create index on shop.disputes (decided_at);

create view bellwether.refunds as
select id as refund_id, payment_id, refunded_at as created_at, amount_cents / 100.0 as amount, currency, reason
from shop.refunds;

create view bellwether.disputes as
select id as dispute_id,
       payment_id,
       opened_at,
       amount_cents / 100.0 as amount,
       currency,
       reason,
       decided_at as closed_at,
       decision as outcome
from shop.disputes;
