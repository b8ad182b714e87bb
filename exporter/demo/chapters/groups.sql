create table shop.households (
  id text primary key,
  founded_at timestamptz not null default now(),
  dissolved_at timestamptz
);
create index on shop.households (founded_at);
create index on shop.households (dissolved_at);

create table shop.stays (
  household_id text not null,
  user_id text not null,
  since timestamptz not null default now(),
  until timestamptz
);
create index on shop.stays (household_id);
create index on shop.stays (user_id, since, until);
create index on shop.stays (since);
create index on shop.stays (until);

create table shop.household_log (
  household_id text,
  user_id text not null,
  at timestamptz not null default now(),
  operation text not null,
  done boolean not null
);
create index on shop.household_log (at);

create table shop.readings (
  id text primary key,
  household_id text not null,
  medium text not null,
  due_at timestamptz not null,
  came_at timestamptz,
  refused_at timestamptz
);
create index on shop.readings (due_at);
create index on shop.readings (came_at);
create index on shop.readings (refused_at);

create view bellwether.groups as
select id as group_id, founded_at as created_at, dissolved_at as closed_at
from shop.households;

create view bellwether.group_members as
select household_id as group_id, user_id, since as joined_at, until as left_at
from shop.stays;

create view bellwether.group_operations as
select household_id as group_id,
       user_id,
       at as occurred_at,
       operation,
       case when done then 'succeeded' else 'failed' end as outcome
from shop.household_log;

create view bellwether.meter_readings as
select id as reading_id,
       household_id as group_id,
       medium as kind,
       due_at,
       came_at as submitted_at,
       refused_at as rejected_at
from shop.readings;
