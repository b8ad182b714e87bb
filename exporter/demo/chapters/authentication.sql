create table shop.sign_ins (
  id text primary key,
  user_id text,
  happened_at timestamptz not null default now(),
  step text not null,
  error text,
  method text,
  new_device boolean
);
create index on shop.sign_ins (happened_at);

create table shop.second_factors (
  id text primary key,
  user_id text not null,
  type text not null,
  added_at timestamptz not null default now(),
  removed_at timestamptz
);
create index on shop.second_factors (user_id);
create index on shop.second_factors (added_at);
create index on shop.second_factors (removed_at);

create view bellwether.auth_events as
select id as event_id,
       user_id,
       happened_at as occurred_at,
       step as kind,
       case when error is null then 'succeeded' else 'failed' end as outcome,
       error as reason,
       method,
       new_device as unusual
from shop.sign_ins;

create view bellwether.mfa_factors as
select id as factor_id, user_id, type as method, added_at as enrolled_at, removed_at
from shop.second_factors;
