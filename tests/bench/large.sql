-- A large company: %(events)s events and a tenth as many users over 400 days, in the contract's own columns, indexed on what
-- counters and windows go by. Rows stand in the order of their time, as an application writes them.
create schema big;
create function big.chance(n bigint, salt int) returns float8 language sql immutable parallel safe
  return (hashint8(n * 64 + salt) & 2147483647) / 2147483648.0;
create function big.moment(n bigint, total bigint) returns timestamptz language sql immutable parallel safe
  return timestamptz '2026-11-01 00:00Z' - interval '400 days' * (1 - n::float8 / total);
create function big.one_of(choices text[], n bigint, salt int) returns text language sql immutable parallel safe
  return choices[1 + floor(big.chance(n, salt) * array_length(choices, 1))::int];

create table big.accounts as
select 'a' || n as account_id, big.moment(n, %(events)s / 20) as created_at, big.one_of('{US,DE,FR,GB,NL,ES}', n, 1) as country,
       big.one_of('{organic,paid_search,referral,partner}', n, 2) as channel
from generate_series(1, %(events)s / 20) as n;

create table big.users as
select 'u' || n as user_id, 'a' || 1 + n / 2 as account_id, big.moment(n, %(events)s / 10) as created_at,
       case when big.chance(n, 1) < 0.02 then big.moment(n, %(events)s / 10) + interval '90 days' end as deleted_at
from generate_series(1, %(events)s / 10) as n;

create table big.subscriptions as
select 's' || n as subscription_id, 'a' || n as account_id, big.one_of('{starter,growth,scale}', n, 1) as plan,
       big.one_of('{EUR,USD}', n, 2) as currency, (10 + floor(big.chance(n, 3) * 90))::numeric as amount,
       case when big.chance(n, 4) < 0.2 then 12 else 1 end as interval_months, big.moment(n, %(events)s / 20) as started_at,
       big.moment(n, %(events)s / 20) + interval '14 days' as trial_ends_at,
       case when big.chance(n, 5) < 0.4 then big.moment(n, %(events)s / 20) + interval '300 days' * big.chance(n, 6) end as ended_at
from generate_series(1, %(events)s / 20) as n;

create table big.payments as
select 'p' || n as payment_id, 'a' || 1 + floor(big.chance(n, 1) * %(events)s / 20)::int as account_id,
       big.moment(n, %(events)s / 5) as created_at, (10 + floor(big.chance(n, 2) * 90))::numeric as amount,
       big.one_of('{EUR,USD}', n, 3) as currency, case when big.chance(n, 4) < 0.04 then 'failed' else 'succeeded' end as outcome,
       case when big.chance(n, 4) < 0.04 then big.one_of('{card_declined,expired_card}', n, 5) end as failure_reason,
       big.one_of('{stripe,paypal}', n, 6) as provider, 0.4 as fee
from generate_series(1, %(events)s / 5) as n;

create table big.sessions as
select 'v' || n as session_id, 'b' || floor(big.chance(n, 1) * %(events)s / 10)::int as visitor_id,
       case when big.chance(n, 2) < 0.7 then 'u' || 1 + floor(big.chance(n, 3) * %(events)s / 10)::int end as user_id,
       big.moment(n, %(events)s / 4) as started_at,
       big.moment(n, %(events)s / 4) + interval '20 minutes' * big.chance(n, 4) as ended_at,
       1 + floor(big.chance(n, 5) * 8)::int as page_views, big.one_of('{desktop,mobile,tablet}', n, 6) as device,
       big.one_of('{google,newsletter,twitter}', n, 7) as source, big.one_of('{cpc,email,social}', n, 8) as medium,
       big.one_of('{spring,summer}', n, 9) as campaign
from generate_series(1, %(events)s / 4) as n;

create table big.events as
select 'e' || n as event_id, 'b' || floor(big.chance(n, 1) * %(events)s / 10)::int as visitor_id,
       'u' || 1 + floor(big.chance(n, 2) * %(events)s / 10)::int as user_id, big.moment(n, %(events)s) as occurred_at,
       big.one_of('{page_viewed,signup_started,signup_completed,cta_clicked,searched,exported}', n, 3) as name
from generate_series(1, %(events)s) as n;

create table big.experiments as
select 'experiment_' || n as experiment, variant, variant = 'old' as control, 1::numeric as weight,
       timestamptz '2026-08-01' as started_at, null::timestamptz as ended_at
from generate_series(1, 3) as n cross join unnest('{old,new}'::text[]) as variant;

create table big.exposures as
select 'experiment_' || 1 + n % 3 as subject, big.one_of('{old,new}', number, 9) as variant, 'u' || number as user_id,
       timestamptz '2026-11-01' - interval '90 days' * (1 - n * 10.0 / %(events)s) as exposed_at
from (
  select n, 1 + floor(big.chance(n, 1) * %(events)s / 100)::int as number from generate_series(1, %(events)s / 10) as n
) as met;

create table big.outcomes as
select 'u' || 1 + floor(big.chance(n, 2) * %(events)s / 100)::int as user_id, big.one_of('{purchase,complaint,activation}', n, 3) as metric,
       timestamptz '2026-11-01' - interval '90 days' * (1 - n * 10.0 / %(events)s) as occurred_at,
       (10 + floor(big.chance(n, 4) * 90))::numeric as value
from generate_series(1, %(events)s / 10) as n;

create table big.features as
select 'feature_' || n as feature, n <= 4 as core, timestamptz '2025-09-01' as released_at from generate_series(1, 12) as n;

create table big.feature_uses as
select 'u' || 1 + floor(big.chance(n, 1) * %(events)s / 10)::int as user_id, 'feature_' || 1 + floor(big.chance(n, 2) * 12)::int as feature,
       big.moment(n, %(events)s / 5) as used_at
from generate_series(1, %(events)s / 5) as n;

create table big.page_timings as
select big.moment(n, %(events)s / 5) as occurred_at, '/page/' || floor(big.chance(n, 1) * 20)::int as page,
       big.one_of('{desktop,mobile}', n, 2) as device, big.one_of('{lcp,inp,cls,ttfb,fcp,load}', n, 3) as timing,
       (big.chance(n, 4) * 4)::numeric as value
from generate_series(1, %(events)s / 5) as n;

create table big.api_calls as
select big.moment(n, %(events)s / 5) as occurred_at, '/api/' || floor(big.chance(n, 1) * 20)::int as route,
       big.one_of('{GET,POST}', n, 2) as method, case when big.chance(n, 3) < 0.01 then 500 else 200 end as status,
       (big.chance(n, 4) * 0.5)::numeric as seconds
from generate_series(1, %(events)s / 5) as n;

create table big.notifications as
select 'n' || n as notification_id, 'u' || 1 + floor(big.chance(n, 1) * %(events)s / 10)::int as user_id, 'b' || n / 100 as batch_id,
       big.one_of('{push,email,sms,in_app}', n, 2) as channel, big.one_of('{reminder,receipt,news}', n, 3) as type,
       big.moment(n, %(events)s / 5) as sent_at, big.moment(n, %(events)s / 5) + interval '2 s' as delivered_at,
       null::timestamptz as displayed_at,
       case when big.chance(n, 4) < 0.2 then big.moment(n, %(events)s / 5) + interval '5 min' end as clicked_at,
       null::timestamptz as dismissed_at, null::timestamptz as failed_at, null::text as failure_reason
from generate_series(1, %(events)s / 5) as n;

create table big.auth_events as
select 'x' || n as event_id, 'u' || 1 + floor(big.chance(n, 1) * %(events)s / 10)::int as user_id,
       big.moment(n, %(events)s / 5) as occurred_at, big.one_of('{login,logout,mfa_verification}', n, 2) as kind,
       case when big.chance(n, 3) < 0.05 then 'failed' else 'succeeded' end as outcome,
       case when big.chance(n, 3) < 0.05 then 'wrong_password' end as reason, big.one_of('{password,sso,totp}', n, 4) as method,
       big.chance(n, 5) < 0.01 as unusual
from generate_series(1, %(events)s / 5) as n;

create table big.access_events as
select 'y' || n as event_id, big.moment(n, %(events)s / 10) as occurred_at, big.one_of('{invoice_read,role_changed}', n, 1) as action,
       case when big.chance(n, 2) < 0.01 then 'denied' else 'allowed' end as outcome, big.chance(n, 3) < 0.1 as sensitive,
       big.chance(n, 4) < 0.001 as violation
from generate_series(1, %(events)s / 10) as n;

create table big.tickets as
select 't' || n as ticket_id, 'a' || 1 + floor(big.chance(n, 1) * %(events)s / 20)::int as account_id,
       big.one_of('{email,chat,phone}', n, 2) as channel, big.one_of('{urgent,high,normal,low}', n, 3) as priority,
       big.moment(n, %(events)s / 50) as created_at, big.moment(n, %(events)s / 50) + interval '1 hour' as first_responded_at,
       case when big.chance(n, 4) < 0.99 then big.moment(n, %(events)s / 50) + interval '1 day' end as resolved_at
from generate_series(1, %(events)s / 50) as n;
