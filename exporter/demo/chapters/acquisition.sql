create table shop.ad_spend (
  day date not null,
  channel text not null,
  campaign text,
  currency text not null,
  cost_cents int not null
);
create index on shop.ad_spend (day);

create table shop.leads (
  id text primary key,
  channel text,
  campaign text,
  asked_at timestamptz not null,
  signed_up_at timestamptz
);
create index on shop.leads (asked_at);
create index on shop.leads (signed_up_at);

create table shop.campaign_goals (
  id text primary key,
  campaign text,
  goal text not null,
  reached_at timestamptz not null,
  worth_cents int,
  currency text
);
create index on shop.campaign_goals (reached_at);

create table shop.invitations (
  id text primary key,
  account_id text not null,
  sent_at timestamptz not null,
  accepted_at timestamptz
);
create index on shop.invitations (sent_at);
create index on shop.invitations (accepted_at);

create table shop.newsletter_readers (
  id text primary key,
  confirmed_at timestamptz not null,
  ended_at timestamptz
);
create index on shop.newsletter_readers (confirmed_at);
create index on shop.newsletter_readers (ended_at);

create view bellwether.marketing_spend as
select day::timestamp at time zone 'UTC' as spent_at, channel, campaign, currency, cost_cents / 100.0 as amount
from shop.ad_spend;

create view bellwether.leads as
select id as lead_id, asked_at as created_at, channel, campaign, signed_up_at as converted_at
from shop.leads;

create view bellwether.conversions as
select id as conversion_id, reached_at as occurred_at, campaign, goal, worth_cents / 100.0 as value, currency
from shop.campaign_goals;

create view bellwether.referrals as
select id as referral_id, account_id, sent_at as created_at, accepted_at
from shop.invitations;

create view bellwether.newsletter as
select id as subscriber_id, confirmed_at as subscribed_at, ended_at as unsubscribed_at
from shop.newsletter_readers;
