-- A Supabase application: people sign in through auth.users, and the application writes what happens into tables of its own:
-- public.events, onboarding_funnel, mfa_audit_logs, security_events and download_logs.
--     bellwether schema users onboarding authentication security resources | psql …   and then this file
-- Run it as the owner of the tables (`postgres` on Supabase): a view reads with its owner's rights, so row-level security of the
-- tables stays as it is, and the role that Bellwether signs in as needs no right in `auth` or `public`.

create or replace view bellwether.accounts as  -- every person is an account
select id::text as account_id, created_at, null::text as country, raw_app_meta_data ->> 'channel' as channel
from auth.users;

create or replace view bellwether.users as
select id::text as user_id, id::text as account_id, created_at, deleted_at
from auth.users;

create or replace view bellwether.events as
select id::text as event_id,
       session_id::text as visitor_id,
       user_id::text as user_id,
       created_at as occurred_at,
       event_name as name
from public.events;

-- The application writes events, not visits: a visit is what one session did. It lasts until nothing has come for half an hour, and
-- has then ended with its last event.
create or replace view bellwether.sessions as
select session_id::text as session_id,
       session_id::text as visitor_id,
       min(user_id::text) as user_id,
       min(created_at) as started_at,
       case when max(created_at) <= now() - interval '30 minutes' then max(created_at) end as ended_at,
       (count(*) filter (where event_name = 'page_view'))::int as page_views,
       min(properties ->> 'device') as device,
       min(properties ->> 'utm_source') as source,
       min(properties ->> 'utm_medium') as medium,
       min(properties ->> 'utm_campaign') as campaign
from public.events
where session_id is not null
group by session_id;

create or replace view bellwether.onboarding_steps as
select user_id::text as user_id,
       step_name as step,
       step_order as position,
       started_at,
       completed_at,
       abandoned_at
from public.onboarding_funnel;

create or replace view bellwether.mfa_factors as
select id::text as factor_id,
       user_id::text as user_id,
       factor_type::text as method,
       created_at as enrolled_at,
       null::timestamptz as removed_at
from auth.mfa_factors
where status::text = 'verified';

create or replace view bellwether.auth_events as
select id::text as event_id,
       user_id::text as user_id,
       created_at as occurred_at,
       case event_type
         when 'verify' then 'mfa_verification'
         when 'recovery_code_used' then 'mfa_recovery_code'
         when 'reset' then 'mfa_reset'
         else event_type
       end as kind,
       case when success then 'succeeded' else 'failed' end as outcome,
       failure_reason as reason,
       method,
       null::boolean as unusual
from public.mfa_audit_logs;

create or replace view bellwether.security_events as
select id::text as event_id, created_at as occurred_at, event_type as kind, severity, resolved_at
from public.security_events;

create or replace view bellwether.resource_actions as
select user_id::text as user_id,
       downloaded_at as occurred_at,
       resource_type,
       'downloaded' as action,
       null::numeric as seconds,
       null::numeric as scroll_ratio,
       null::numeric as rating
from public.download_logs;
