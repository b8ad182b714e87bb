create table shop.retention_reports (
  dataset text not null,
  reported_at timestamptz not null default now(),
  keep interval not null,
  oldest_at timestamptz,
  overdue_rows bigint not null,
  primary key (dataset, reported_at)
);
comment on table shop.retention_reports is 'What the job that deletes old rows reports each night, for each set of data.';

create table shop.data_requests (
  id text primary key,
  kind text not null,
  received_at timestamptz not null default now(),
  answer_by timestamptz,
  answered_at timestamptz
);
create index on shop.data_requests (received_at);
create index on shop.data_requests (answered_at);

create view bellwether.stored_data as
select distinct on (dataset) dataset, keep as keep_for, oldest_at, overdue_rows as overdue
from shop.retention_reports
where reported_at <= now()
order by dataset, reported_at desc;

create view bellwether.privacy_requests as
select id as request_id, kind, received_at as created_at, answer_by as due_at, answered_at as completed_at
from shop.data_requests;
