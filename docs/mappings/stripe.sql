-- Stripe's objects, kept in PostgreSQL by its sync engine (schema `stripe`, columns named as in Stripe's API).
--     bellwether schema revenue billing | psql …   and then this file
-- Stripe keeps no history of a subscription's items: a change of plan rewrites the past of that subscription here. Movements
-- (expansion, contraction) are right from the day on which you keep that history yourself; new revenue and churn always are.
-- Amounts are in minor units: hundredths, but for currencies that have none (https://docs.stripe.com/currencies#zero-decimal).

create or replace function bellwether.major_units(amount numeric, currency text) returns numeric
language sql immutable parallel safe as $$
  select amount / case when upper(currency) in ('BIF', 'CLP', 'DJF', 'GNF', 'JPY', 'KMF', 'KRW', 'MGA', 'PYG', 'RWF', 'UGX', 'VND',
                                                'VUV', 'XAF', 'XOF', 'XPF') then 1 else 100 end
$$;

create or replace view bellwether.accounts as
select id as account_id,
       to_timestamp(created) as created_at,
       upper(address ->> 'country') as country,
       metadata ->> 'channel' as channel
from stripe.customers;

create or replace view bellwether.subscriptions as
select subscriptions.id as subscription_id,
       subscriptions.customer as account_id,
       coalesce(prices.lookup_key, prices.nickname, prices.id) as plan,
       upper(prices.currency) as currency,
       bellwether.major_units(coalesce(prices.unit_amount_decimal::numeric, prices.unit_amount), prices.currency)
         * coalesce(items.quantity, 1)
         * case prices.recurring ->> 'interval' when 'week' then 52 / 12.0 when 'day' then 365 / 12.0 else 1 end
         / case when prices.recurring ->> 'interval' in ('week', 'day') then (prices.recurring ->> 'interval_count')::numeric
                else 1 end as amount,
       case prices.recurring ->> 'interval'
         when 'year' then 12 * (prices.recurring ->> 'interval_count')::int
         when 'month' then (prices.recurring ->> 'interval_count')::int
         else 1
       end as interval_months,
       to_timestamp(subscriptions.start_date) as started_at,
       to_timestamp((subscriptions.trial_end #>> '{}')::float8) as trial_ends_at,
       to_timestamp(coalesce(subscriptions.ended_at, subscriptions.cancel_at)) as ended_at
from stripe.subscriptions
join stripe.subscription_items as items on items.subscription = subscriptions.id and items.deleted is not true
join stripe.prices on prices.id = items.price
where prices.type::text = 'recurring' and subscriptions.status::text not in ('incomplete', 'incomplete_expired');

create or replace view bellwether.payments as
select id as payment_id,
       customer as account_id,
       to_timestamp(created) as created_at,
       bellwether.major_units(amount, currency) as amount,
       upper(currency) as currency,
       case status when 'succeeded' then 'succeeded' else 'failed' end as outcome,
       failure_code as failure_reason,
       'stripe' as provider,
       null::numeric as fee
from stripe.charges
where status in ('succeeded', 'failed');

create or replace view bellwether.refunds as
select id as refund_id,
       charge as payment_id,
       to_timestamp(created) as created_at,
       bellwether.major_units(amount, currency) as amount,
       upper(currency) as currency,
       reason
from stripe.refunds
where status = 'succeeded';

-- When a dispute was closed is not among its columns; its latest balance transaction comes nearest.
create or replace view bellwether.disputes as
select id as dispute_id,
       charge as payment_id,
       to_timestamp(created) as opened_at,
       bellwether.major_units(amount, currency) as amount,
       upper(currency) as currency,
       reason,
       case when status in ('won', 'lost') then to_timestamp(coalesce(
         (select max((entry ->> 'created')::float8) from jsonb_array_elements(balance_transactions) as entry), created)) end as closed_at,
       case when status in ('won', 'lost') then status end as outcome
from stripe.disputes;
