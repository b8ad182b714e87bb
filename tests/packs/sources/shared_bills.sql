-- Tables of an application in which households share bills.
create table public.household (id bigint primary key, name text, country_code char(2), founded_at timestamptz, dissolved_at timestamptz);
create table public.member (id bigint primary key, full_name text, email text, registered_at timestamptz, closed_at timestamptz);
create table public.membership (household_id bigint, member_id bigint, joined_at timestamptz, left_at timestamptz);
create table public.meter (id bigint primary key, household_id bigint, medium text);
create table public.reading (id bigint primary key, meter_id bigint, due_on date, value numeric, submitted_at timestamptz,
                             rejected_at timestamptz);
create table public.bill (id bigint primary key, household_id bigint, currency char(3));
create table public.transfer (id bigint primary key, bill_id bigint, member_id bigint, cents int, fee_cents int, rail text,
                              return_code text, settled_at timestamptz);

insert into household values (1, 'The Attic', 'DE', '2026-01-01', null), (2, 'Dissolved', 'DE', '2026-01-01', '2026-02-01');
insert into member values (1, 'Ada', 'ada@example.com', '2026-01-01', null), (2, 'Bob', 'bob@example.com', '2026-01-02', null);
insert into membership values (1, 1, '2026-01-01', null), (1, 2, '2026-01-02', '2026-01-20'), (2, 2, '2026-01-21', null);
insert into meter values (1, 1, 'water'), (2, 1, 'power');
insert into reading values (1, 1, '2026-02-27', 12, '2026-02-27 20:00Z', null), (2, 2, '2026-02-27', null, null, null);
insert into bill values (1, 1, 'EUR');
insert into transfer values (1, 1, 1, 1250, 25, 'sepa', null, '2026-02-10'), (2, 1, 2, 1250, null, 'sepa', 'AM04', '2026-02-11'),
                            (3, 1, 2, 1250, null, 'sepa', null, null);
