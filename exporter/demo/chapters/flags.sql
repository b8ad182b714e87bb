create table shop.flag_changes (
  flag text not null,
  enabled boolean not null,
  ratio numeric,
  changed_at timestamptz not null default now(),
  primary key (flag, changed_at)
);

create view bellwether.flags as
select flag,
       enabled,
       coalesce(ratio, 0) as rollout_ratio,
       changed_at as since,
       lead(changed_at) over (partition by flag order by changed_at) as until
from shop.flag_changes;
