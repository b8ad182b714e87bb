create table shop.experiments (
  name text not null,
  variant text not null,
  is_control boolean not null,
  weight int not null,
  starts_at timestamptz not null,
  ends_at timestamptz,
  primary key (name, variant)
);

create table shop.exposures (
  subject text not null,
  variant text not null,
  user_id text not null,
  met_at timestamptz not null default now()
);
create index on shop.exposures (met_at);
create index on shop.exposures (subject, user_id, met_at, variant);

create table shop.outcomes (
  id text primary key,
  user_id text not null,
  what text not null,
  happened_at timestamptz not null default now(),
  cents int
);
create index on shop.outcomes (happened_at);
create index on shop.outcomes (user_id, happened_at);

create view bellwether.experiments as
select name as experiment,
       variant,
       is_control as control,
       weight::numeric as weight,
       starts_at as started_at,
       ends_at as ended_at
from shop.experiments;

create view bellwether.exposures as
select subject, variant, user_id, met_at as exposed_at
from shop.exposures;

create view bellwether.outcomes as
select user_id, what as metric, happened_at as occurred_at, cents / 100.0 as value
from shop.outcomes;
