-- The company's own tables, as its application knows them, and the contract of exporter/packs/contract.sql mapped onto them.
-- Run by the role `shop`, who owns all of it: a view reads with its owner's rights, so who reads it needs none on schema shop.

create schema shop;

create table shop.accounts (
  id text primary key,
  opened_at timestamptz not null default now(),
  country_code char(2) not null,
  came_through text
);

create table shop.users (
  id text primary key,
  account_id text not null references shop.accounts,
  joined_at timestamptz not null default now(),
  deleted_at timestamptz
);
create index on shop.users (account_id);
create index on shop.users (joined_at);

create table shop.subscriptions (
  id text not null,
  account_id text not null references shop.accounts,
  plan text not null,
  currency text not null,
  price_cents int not null,
  billing_months int not null,
  starts_at timestamptz not null default now(),
  trial_until timestamptz,
  ends_at timestamptz,
  status text not null check (status in ('trialing', 'active', 'ended')),
  primary key (id, starts_at)
);
create index on shop.subscriptions (status);
create index on shop.subscriptions (account_id);
create index on shop.subscriptions (starts_at);
create index on shop.subscriptions (trial_until);
create index on shop.subscriptions (ends_at);

create table shop.payments (
  id text primary key,
  account_id text not null references shop.accounts,
  attempted_at timestamptz not null default now(),
  kind text not null check (kind in ('subscription', 'top_up')),
  amount_cents int not null,
  currency text not null,
  error_code text,
  provider text not null,
  fee_cents int not null
);
create index on shop.payments (attempted_at);

create table shop.turns (
  job text primary key
);
comment on table shop.turns is 'A job of which only one may run locks its row.';
insert into shop.turns values ('monthly closing');

create table shop.known_incidents (
  name text primary key,
  effect text not null
);

create table shop.incidents (
  name text not null references shop.known_incidents,
  started_at timestamptz not null default now(),
  ended_at timestamptz
);
comment on table shop.incidents is
  'What goes wrong at the moment: insert a name of shop.known_incidents to start it, set ended_at to end it.';

create schema bellwether;

create view bellwether.accounts as
select id as account_id, opened_at as created_at, country_code::text as country, came_through as channel
from shop.accounts;

create view bellwether.users as
select id as user_id, account_id, joined_at as created_at, deleted_at
from shop.users;

create view bellwether.subscriptions as
select id as subscription_id,
       account_id,
       plan,
       currency,
       price_cents / 100.0 as amount,
       billing_months as interval_months,
       starts_at as started_at,
       trial_until as trial_ends_at,
       ends_at as ended_at
from shop.subscriptions;

create view bellwether.payments as
select id as payment_id,
       account_id,
       attempted_at as created_at,
       amount_cents / 100.0 as amount,
       currency,
       case when error_code is null then 'succeeded' else 'failed' end as outcome,
       error_code as failure_reason,
       provider,
       fee_cents / 100.0 as fee
from shop.payments;
