-- The tables of Stripe's sync engine that the mapping reads, with the columns and types that it gives them.
create schema stripe;
create type stripe.subscription_status as enum
  ('trialing', 'active', 'canceled', 'incomplete', 'incomplete_expired', 'past_due', 'unpaid', 'paused');
create type stripe.pricing_type as enum ('one_time', 'recurring');
create table stripe.customers (id text primary key, address jsonb, email text, metadata jsonb, created integer);
create table stripe.prices (id text primary key, currency text, nickname text, recurring jsonb, type stripe.pricing_type,
                            unit_amount integer, unit_amount_decimal text, lookup_key text);
create table stripe.subscriptions (id text primary key, status stripe.subscription_status, customer text, start_date integer,
                                   ended_at integer, cancel_at integer, trial_end jsonb, discount jsonb);
create table stripe.invoices (id text primary key, subscription text, status text, created integer);
create table stripe.subscription_items (id text primary key, subscription text, price text, quantity integer, deleted boolean);
create table stripe.charges (id text primary key, amount bigint, currency text, customer text, created integer, status text,
                             failure_code text);
create table stripe.refunds (id text primary key, amount integer, currency text, charge text, created integer, reason text,
                             status text);
create table stripe.disputes (id text primary key, amount bigint, currency text, charge text, created integer, reason text,
                              status text, balance_transactions jsonb);

insert into stripe.customers values
  ('cus_1', '{"country": "de"}', 'ada@example.com', '{"channel": "referral"}', 1767225600),
  ('cus_2', '{"country": "JP"}', 'bob@example.com', '{}', 1767225600);
insert into stripe.prices values
  ('price_m', 'eur', null, '{"interval": "month", "interval_count": 1}', 'recurring', 1250, '1250', 'pro'),
  ('price_y', 'jpy', 'Yearly', '{"interval": "year", "interval_count": 1}', 'recurring', 12000, '12000', null),
  ('price_w', 'eur', 'weekly', '{"interval": "week", "interval_count": 2}', 'recurring', 600, null, null),
  ('price_once', 'eur', 'set-up', null, 'one_time', 9900, '9900', null);
insert into stripe.subscriptions (id, status, customer, start_date, ended_at, cancel_at, trial_end) values
  ('sub_1', 'active', 'cus_1', 1767225600, null, null, 'null'),
  ('sub_2', 'active', 'cus_2', 1767225600, null, null, '1768000000'),
  ('sub_3', 'canceled', 'cus_1', 1767225600, 1769904000, null, 'null'),
  ('sub_4', 'incomplete', 'cus_1', 1767225600, null, null, 'null');
insert into stripe.subscription_items values
  ('si_1', 'sub_1', 'price_m', 2, false), ('si_1b', 'sub_1', 'price_once', 1, false), ('si_1c', 'sub_1', 'price_m', 1, true),
  ('si_2', 'sub_2', 'price_y', 1, null), ('si_3', 'sub_3', 'price_w', 1, null), ('si_4', 'sub_4', 'price_m', 1, null);
insert into stripe.charges values
  ('ch_1', 2500, 'eur', 'cus_1', 1769904000, 'succeeded', null), ('ch_2', 12000, 'jpy', 'cus_2', 1769904000, 'failed', 'card_declined'),
  ('ch_3', 2500, 'eur', 'cus_1', 1769904000, 'pending', null);
insert into stripe.refunds values ('re_1', 500, 'eur', 'ch_1', 1769990400, 'requested_by_customer', 'succeeded'),
                                  ('re_2', 500, 'eur', 'ch_1', 1769990400, 'duplicate', 'failed');
insert into stripe.disputes values
  ('du_1', 2500, 'eur', 'ch_1', 1769990400, 'fraudulent', 'won', '[{"created": 1770000000}, {"created": 1770076800}]'),
  ('du_2', 2500, 'eur', 'ch_1', 1769990400, 'general', 'needs_response', '[]');
