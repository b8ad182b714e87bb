create table shop.messages (
  id text primary key,
  user_id text not null,
  batch_id text,
  channel text not null check (channel in ('push', 'email', 'sms', 'in_app')),
  about text not null,
  sent_at timestamptz not null default now(),
  arrived_at timestamptz,
  shown_at timestamptz,
  opened_at timestamptz,
  dismissed_at timestamptz,
  failed_at timestamptz,
  error text
);
create index on shop.messages (sent_at);
create index on shop.messages (arrived_at);
create index on shop.messages (shown_at);
create index on shop.messages (opened_at);
create index on shop.messages (dismissed_at);
create index on shop.messages (failed_at);

create table shop.consents (
  user_id text not null,
  channel text not null,
  asked_at timestamptz,
  decided_at timestamptz,
  answer text
);
create index on shop.consents (asked_at);
create index on shop.consents (decided_at);
create index on shop.consents (channel, user_id, decided_at);

create view bellwether.notifications as
select id as notification_id,
       user_id,
       batch_id,
       channel,
       about as type,
       sent_at,
       arrived_at as delivered_at,
       shown_at as displayed_at,
       opened_at as clicked_at,
       dismissed_at,
       failed_at,
       error as failure_reason
from shop.messages;

create view bellwether.notification_choices as
select user_id,
       channel,
       asked_at,
       decided_at,
       answer as choice
from shop.consents;
