-- Stripe's objects, kept in PostgreSQL by its sync engine (schema `stripe`, columns named as in Stripe's API).
--     bellwether schema revenue billing | psql …   and then this file
-- What its tables do not tell, these figures cannot:
-- - Stripe keeps no history of a subscription: a change of plan, a discount, or that it is paid again rewrites its past here.
--   Movements (expansion, contraction) are right from the day on which you keep that history yourself; new revenue and churn are.
-- - A lasting discount is taken off as the column `discount` holds it, whole. It has one per subscription, does not say for which
--   products it is, and stays empty with versions of Stripe's API that send only a list of discounts: their prices are full ones.
-- - Tiers are not there, so a tiered price is worth nothing, and quantities are not divided (`transform_quantity`).
-- - A charge is dated by the day it was made (a refund alike), and is there once it succeeds or fails: cards at once, bank debits
--   up to two weeks later, when counters have long passed that day. Where customers pay by debit set the collector's
--   `late_by: 15d`; each poll then reads the rows of 15 days, of every counter of that collector, for which the indexes below
--   matter all the more. The date of the last change is no way out: a refund changes the charge as well, and it would count again.
-- From some 100,000 rows on, polls need these indexes, which only the owner of the tables may create:
--     create index on stripe.charges (to_timestamp(created));
--     create index on stripe.refunds (to_timestamp(created));
--     create index on stripe.disputes (to_timestamp(created));

-- Amounts are in minor units. How many make a major one is ISO 4217's to say, but for three currencies: Stripe writes ISK and UGX
-- with two decimals and MGA with none. https://docs.stripe.com/currencies#special-cases
create or replace function bellwether.major_units(amount numeric, currency text) returns numeric
language sql immutable parallel safe as $$
  select amount / case
    when upper(currency) in ('BIF', 'CLP', 'DJF', 'GNF', 'JPY', 'KMF', 'KRW', 'MGA', 'PYG', 'RWF', 'UYI', 'VND', 'VUV', 'XAF',
                             'XOF', 'XPF') then 1
    when upper(currency) in ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND') then 1000
    when upper(currency) in ('CLF', 'UYW') then 10000
    else 100
  end
$$;

create or replace view bellwether.accounts as
select id as account_id,
       to_timestamp(created) as created_at,
       upper(address ->> 'country') as country,
       metadata ->> 'channel' as channel
from stripe.customers;

-- `unpaid` is what Stripe makes of a subscription after the last attempt to collect: it ends with the first invoice that stayed
-- open. `paused` is a trial that ended without a means of payment. Both are no revenue until they are active again.
create or replace view bellwether.subscriptions as
select subscriptions.id as subscription_id,
       subscriptions.customer as account_id,
       coalesce(prices.lookup_key, prices.nickname, prices.id) as plan,
       upper(prices.currency) as currency,
       bellwether.major_units(full_price * (1 - reduction), prices.currency)
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
       to_timestamp(case subscriptions.status::text
         when 'paused' then coalesce((subscriptions.trial_end #>> '{}')::float8, subscriptions.start_date)
         when 'unpaid' then coalesce((
           select min(created)
           from stripe.invoices
           where subscription = subscriptions.id and status::text in ('open', 'uncollectible') and created > coalesce((
             select max(created) from stripe.invoices where subscription = subscriptions.id and status::text = 'paid'
           ), 0)
         ), subscriptions.start_date)
         else coalesce(subscriptions.ended_at, subscriptions.cancel_at)
       end) as ended_at
from stripe.subscriptions
join stripe.subscription_items as items on items.subscription = subscriptions.id and items.deleted is not true
join stripe.prices on prices.id = items.price
cross join lateral (
  select coalesce(unit_amount_decimal::numeric, unit_amount) * coalesce(quantity, 1),
         case when subscriptions.discount #>> '{coupon,duration}' = 'forever' then subscriptions.discount -> 'coupon' end
) as charged (full_price, coupon)
cross join lateral (
  select case
    when coupon ->> 'percent_off' is not null then (coupon ->> 'percent_off')::numeric / 100
    when coupon ->> 'currency' = prices.currency then least(1, (coupon ->> 'amount_off')::numeric / nullif((  -- off the invoice
      select sum(coalesce(each.unit_amount_decimal::numeric, each.unit_amount) * coalesce(item.quantity, 1))
      from stripe.subscription_items as item
      join stripe.prices as each on each.id = item.price
      where item.subscription = subscriptions.id and item.deleted is not true and each.type::text = 'recurring'
    ), 0))
    else 0
  end
) as reduced (reduction)
where prices.type::text = 'recurring' and coalesce(prices.recurring ->> 'usage_type', 'licensed') = 'licensed'
  and subscriptions.status::text not in ('incomplete', 'incomplete_expired');

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

-- An inquiry (`warning_`) counts as a dispute: one that is closed without a dispute leaves the money with the company. What is
-- prevented is given back to the payer. When a dispute was closed is not among its columns; its latest balance transaction comes
-- nearest. What never moved money has none, and counts as closed from its beginning.
create or replace view bellwether.disputes as
select id as dispute_id,
       charge as payment_id,
       to_timestamp(created) as opened_at,
       bellwether.major_units(amount, currency) as amount,
       upper(currency) as currency,
       reason,
       case when state is not null then to_timestamp(coalesce(
         (select max((entry ->> 'created')::float8) from jsonb_array_elements(balance_transactions) as entry), created
       )) end as closed_at,
       state as outcome
from stripe.disputes
cross join lateral (
  select case when status in ('won', 'warning_closed') then 'won' when status in ('lost', 'prevented') then 'lost' end
) as states (state);
