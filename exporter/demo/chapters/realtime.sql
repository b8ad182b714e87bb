create table shop.sockets (
  id text primary key,
  transport text not null check (transport in ('websocket', 'sse', 'polling')),
  tried_at timestamptz not null default now(),
  open_at timestamptz,
  failed_at timestamptz,
  error text,
  closed_at timestamptz,
  close_reason text,
  fell_back boolean not null,
  round_trip_seconds numeric,
  messages int
);
create index on shop.sockets (tried_at);
create index on shop.sockets (open_at);
create index on shop.sockets (failed_at);
create index on shop.sockets (closed_at);

create view bellwether.connections as
select id as connection_id,
       transport,
       tried_at as attempted_at,
       open_at as established_at,
       failed_at,
       error,
       closed_at as disconnected_at,
       close_reason as disconnect_reason,
       fell_back,
       round_trip_seconds as latency_seconds,
       messages
from shop.sockets;
