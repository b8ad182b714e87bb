create table shop.library_actions (
  user_id text not null,
  done_at timestamptz not null default now(),
  item_type text not null,
  action text not null,
  seconds numeric,
  scrolled_percent int,
  stars int
);
create index on shop.library_actions (done_at);
create index on shop.library_actions (action, done_at);

create table shop.uploads (
  id text primary key,
  kind text not null,
  bytes bigint not null,
  uploaded_at timestamptz not null default now(),
  removed_at timestamptz
);
create index on shop.uploads (uploaded_at);
create index on shop.uploads (removed_at);

create view bellwether.resource_actions as
select user_id,
       done_at as occurred_at,
       item_type as resource_type,
       action,
       seconds,
       scrolled_percent / 100.0 as scroll_ratio,
       stars::numeric as rating
from shop.library_actions;

create view bellwether.files as
select id as file_id,
       kind,
       bytes,
       uploaded_at as created_at,
       removed_at as deleted_at
from shop.uploads;
