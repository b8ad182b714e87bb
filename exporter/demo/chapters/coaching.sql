create table shop.appointments (
  id text primary key,
  coach_id text,
  client_id text not null,
  kind text not null,
  booked_at timestamptz not null default now(),
  starts_at timestamptz not null,
  ended_at timestamptz,
  cancelled_at timestamptz,
  stars numeric
);
create index on shop.appointments (booked_at);
create index on shop.appointments (starts_at);
create index on shop.appointments (ended_at);
create index on shop.appointments (cancelled_at);

create table shop.todos (
  id text primary key,
  user_id text not null,
  set_at timestamptz not null default now(),
  due_at timestamptz,
  done_at timestamptz
);
create index on shop.todos (set_at);
create index on shop.todos (due_at);
create index on shop.todos (done_at);

create table shop.objectives (
  id text primary key,
  user_id text not null,
  kind text not null,
  set_at timestamptz not null default now(),
  reached_at timestamptz,
  dropped_at timestamptz
);
create index on shop.objectives (set_at);
create index on shop.objectives (reached_at);
create index on shop.objectives (dropped_at);

create view bellwether.bookings as
select id as booking_id,
       coach_id,
       client_id,
       kind,
       booked_at,
       starts_at,
       ended_at as completed_at,
       cancelled_at,
       stars as rating
from shop.appointments;

create view bellwether.tasks as
select id as task_id,
       user_id,
       set_at as created_at,
       due_at,
       done_at as completed_at
from shop.todos;

create view bellwether.goals as
select id as goal_id,
       user_id,
       kind,
       set_at as created_at,
       reached_at as completed_at,
       dropped_at as abandoned_at
from shop.objectives;
