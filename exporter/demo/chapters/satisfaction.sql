create table shop.survey_answers (
  id text primary key,
  user_id text,
  question text not null,
  score int not null,
  mood text,
  answered_at timestamptz not null default now()
);
create index on shop.survey_answers (answered_at);

create table shop.wishes (
  id text primary key,
  area text,
  wished_at timestamptz not null default now(),
  decided_at timestamptz,
  decision text
);
create index on shop.wishes (wished_at);
create index on shop.wishes (decided_at);

create table shop.wish_votes (
  wish_id text not null references shop.wishes,
  voted_at timestamptz not null default now()
);
create index on shop.wish_votes (wish_id);
create index on shop.wish_votes (voted_at);

create table shop.bugs (
  id text primary key,
  severity text not null,
  area text,
  reported_at timestamptz not null default now(),
  fixed_at timestamptz
);
create index on shop.bugs (reported_at);
create index on shop.bugs (fixed_at);

create view bellwether.feedback as
select id as response_id, user_id, question as survey, score, mood as sentiment, answered_at as created_at
from shop.survey_answers;

create view bellwether.feature_requests as
select id as request_id, area, wished_at as created_at, decided_at as closed_at, decision as outcome
from shop.wishes;

create view bellwether.feature_request_votes as
select wish_id as request_id, voted_at
from shop.wish_votes;

create view bellwether.bug_reports as
select id as report_id, severity, area, reported_at as created_at, fixed_at as closed_at
from shop.bugs;
