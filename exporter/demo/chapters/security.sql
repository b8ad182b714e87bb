create table shop.findings (
  id text primary key,
  found_at timestamptz not null default now(),
  rule text not null,
  severity text not null,
  closed_at timestamptz
);
create index on shop.findings (found_at);
create index on shop.findings (closed_at);

create table shop.audit_log (
  id text primary key,
  at timestamptz not null default now(),
  action text not null,
  allowed boolean not null,
  personal_data boolean not null,
  against_policy boolean not null
);
create index on shop.audit_log (at);

create view bellwether.security_events as
select id as event_id, found_at as occurred_at, rule as kind, severity, closed_at as resolved_at
from shop.findings;

create view bellwether.access_events as
select id as event_id,
       at as occurred_at,
       action,
       case when allowed then 'allowed' else 'denied' end as outcome,
       personal_data as sensitive,
       against_policy as violation
from shop.audit_log;
