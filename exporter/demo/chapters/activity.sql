create table shop.features (
  name text primary key,
  is_core boolean not null,
  launched_at timestamptz
);

create table shop.sessions (
  id text primary key,
  browser_id text,
  user_id text,
  began_at timestamptz not null,
  last_seen_at timestamptz,
  pages int not null,
  device text,
  utm_source text,
  utm_medium text,
  utm_campaign text
);
create index on shop.sessions (began_at);
create index on shop.sessions (last_seen_at);
create index on shop.sessions (user_id, began_at);

create table shop.events (
  id text primary key,
  browser_id text,
  user_id text,
  happened_at timestamptz not null,
  name text not null
);
create index on shop.events (happened_at);

create table shop.feature_uses (
  user_id text not null,
  feature text not null,
  used_at timestamptz not null
);
create index on shop.feature_uses (used_at);

create view bellwether.features as
select name as feature, is_core as core, launched_at as released_at
from shop.features;

create view bellwether.sessions as
select id as session_id,
       browser_id as visitor_id,
       user_id,
       began_at as started_at,
       last_seen_at as ended_at,
       pages as page_views,
       device,
       utm_source as source,
       utm_medium as medium,
       utm_campaign as campaign
from shop.sessions;

create view bellwether.events as
select id as event_id, browser_id as visitor_id, user_id, happened_at as occurred_at, name
from shop.events;

create view bellwether.feature_uses as
select user_id, feature, used_at
from shop.feature_uses;
