create table shop.page_timings (
  measured_at timestamptz not null default now(),
  route text not null,
  device text,
  name text not null,
  value numeric not null
);
create index on shop.page_timings (measured_at);

create table shop.requests (
  answered_at timestamptz not null default now(),
  route text not null,
  method text not null,
  status int not null,
  milliseconds numeric not null
);
comment on table shop.requests is 'A sample of the requests to the API.';
create index on shop.requests (answered_at);

create view bellwether.page_timings as
select measured_at as occurred_at, route as page, device, name as timing, value
from shop.page_timings;

create view bellwether.api_calls as
select answered_at as occurred_at, route, method, status, milliseconds / 1000 as seconds
from shop.requests;
