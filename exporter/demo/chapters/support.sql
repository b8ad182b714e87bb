create table shop.tickets (
  id text primary key,
  account_id text,
  via text not null,
  priority text not null,
  opened_at timestamptz not null,
  answered_at timestamptz,
  solved_at timestamptz
);
create index on shop.tickets (opened_at);
create index on shop.tickets (answered_at);
create index on shop.tickets (solved_at);

create view bellwether.tickets as
select id as ticket_id,
       account_id,
       via as channel,
       priority,
       opened_at as created_at,
       answered_at as first_responded_at,
       solved_at as resolved_at
from shop.tickets;
