create table shop.introduction_steps (
  user_id text not null,
  step text not null,
  place int not null,
  begun_at timestamptz not null,
  done_at timestamptz,
  given_up_at timestamptz,
  primary key (user_id, step)
);
create index on shop.introduction_steps (begun_at);
create index on shop.introduction_steps (done_at);
create index on shop.introduction_steps (given_up_at);

create table shop.nudges (
  user_id text not null,
  kind text not null,
  shown_at timestamptz not null,
  followed_at timestamptz,
  closed_at timestamptz
);
create index on shop.nudges (shown_at);
create index on shop.nudges (followed_at);
create index on shop.nudges (closed_at);

create view bellwether.onboarding_steps as
select user_id,
       step,
       place as position,
       begun_at as started_at,
       done_at as completed_at,
       given_up_at as abandoned_at
from shop.introduction_steps;

create view bellwether.onboarding_prompts as
select user_id, kind, shown_at, followed_at as acted_at, closed_at as dismissed_at
from shop.nudges;
