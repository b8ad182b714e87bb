-- An application in which households share bills: groups with members, meters with readings that are due each month, bills split
-- among members, and a transfer for each share that is paid.
--     bellwether schema groups billing users | psql …   and then this file

create or replace view bellwether.accounts as  -- the group subscribes and pays
select id::text as account_id, founded_at as created_at, country_code::text as country, null::text as channel
from public.household;

create or replace view bellwether.users as
select id::text as user_id,
       (select household_id::text from public.membership where member_id = member.id order by joined_at limit 1) as account_id,
       registered_at as created_at,
       closed_at as deleted_at
from public.member;

create or replace view bellwether.groups as
select id::text as group_id, founded_at as created_at, dissolved_at as closed_at
from public.household;

create or replace view bellwether.group_members as
select household_id::text as group_id, member_id::text as user_id, joined_at, left_at
from public.membership;

create or replace view bellwether.meter_readings as
select reading.id::text as reading_id,
       meter.household_id::text as group_id,
       meter.medium as kind,
       reading.due_on::timestamp at time zone 'UTC' + interval '1 day' as due_at,  -- on that day is still in time
       reading.submitted_at,
       reading.rejected_at
from public.reading
join public.meter on meter.id = reading.meter_id;

create or replace view bellwether.payments as
select transfer.id::text as payment_id,
       bill.household_id::text as account_id,
       transfer.settled_at as created_at,
       transfer.cents / 100.0 as amount,
       bill.currency::text as currency,
       case when transfer.return_code is null then 'succeeded' else 'failed' end as outcome,
       transfer.return_code as failure_reason,
       transfer.rail as provider,
       transfer.fee_cents / 100.0 as fee
from public.transfer
join public.bill on bill.id = transfer.bill_id
where transfer.settled_at is not null;  -- under way is not yet an outcome
