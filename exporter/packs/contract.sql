-- The contract: the views that Bellwether's packs read. Each is empty until it is mapped onto tables of yours with
--     create or replace view bellwether.accounts as select id::text as account_id, … from public.customer;
-- PostgreSQL refuses a replacement whose columns differ in name, order or type, so a mapping that is accepted fits.
-- Run once:  bellwether schema | psql --single-transaction --set ON_ERROR_STOP=1 DATABASE

create schema if not exists bellwether;

create view bellwether.accounts as
select null::text as account_id,
       null::timestamptz as created_at,
       null::text as country
where false;
comment on view bellwether.accounts is 'One row per account: the person or company that subscribes and pays.';
comment on column bellwether.accounts.account_id is 'Identifies the account; unique, never NULL. Never exported.';
comment on column bellwether.accounts.created_at is 'When the account was opened; never NULL.';
comment on column bellwether.accounts.country is 'ISO 3166-1 code of two capital letters, such as FR; NULL when not known.';

create view bellwether.users as
select null::text as user_id,
       null::text as account_id,
       null::timestamptz as created_at
where false;
comment on view bellwether.users is 'One row per person who can sign in.';
comment on column bellwether.users.user_id is 'Identifies the person; unique, never NULL. Never exported.';
comment on column bellwether.users.account_id is 'The account that the person belongs to; never NULL.';
comment on column bellwether.users.created_at is 'When the person was registered; never NULL.';

create view bellwether.subscriptions as
select null::text as subscription_id,
       null::text as account_id,
       null::text as plan,
       null::text as currency,
       null::numeric as amount,
       null::int as interval_months,
       null::timestamptz as started_at,
       null::timestamptz as trial_ends_at,
       null::timestamptz as ended_at
where false;
comment on view bellwether.subscriptions is
  'One row per stretch of unchanged price: a change of plan, price or quantity ends one row and starts the next at the same instant.';
comment on column bellwether.subscriptions.subscription_id is 'Identifies the subscription, and stays the same over its stretches.';
comment on column bellwether.subscriptions.account_id is 'The account that pays; never NULL.';
comment on column bellwether.subscriptions.plan is 'Name of the plan, one of a small set; never NULL. Becomes a label.';
comment on column bellwether.subscriptions.currency is
  'ISO 4217 code, written the same way everywhere, such as EUR; never NULL. Becomes a label.';
comment on column bellwether.subscriptions.amount is
  'Price of one billing period in major units (12.50, not 1250), quantity and lasting discounts included, tax left out; 0 for a free plan.';
comment on column bellwether.subscriptions.interval_months is 'Months that one billing period covers: 1, 3, 12; at least 1.';
comment on column bellwether.subscriptions.started_at is 'When the stretch began, trial included; never NULL.';
comment on column bellwether.subscriptions.trial_ends_at is
  'When paying begins, where the stretch began with a trial; NULL without one.';
comment on column bellwether.subscriptions.ended_at is
  'The first instant at which the stretch no longer holds, also one in the future; NULL while no end is known.';

create view bellwether.payments as
select null::text as payment_id,
       null::text as account_id,
       null::timestamptz as created_at,
       null::numeric as amount,
       null::text as currency,
       null::text as outcome,
       null::text as failure_reason
where false;
comment on view bellwether.payments is
  'One row per attempt to take money, written once, when its outcome is known, and not changed afterwards.';
comment on column bellwether.payments.payment_id is 'Identifies the attempt; unique, never NULL. Never exported.';
comment on column bellwether.payments.account_id is 'The account that was to pay; NULL when not known.';
comment on column bellwether.payments.created_at is
  'When the row was written, by the database''s clock: the default now() of an indexed column; never NULL.';
comment on column bellwether.payments.amount is 'What was asked for, in major units; never negative: a refund is not a payment.';
comment on column bellwether.payments.currency is 'As in subscriptions.';
comment on column bellwether.payments.outcome is 'succeeded or failed, nothing else.';
comment on column bellwether.payments.failure_reason is
  'Why it failed, one of a small set such as card_declined; NULL when it succeeded.';
