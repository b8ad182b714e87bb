-- A role for Bellwether, with the least that it needs. Run it once per server, as a superuser or as the administrator that a
-- managed service gives you:
--
--     psql -d postgres -f monitoring_role.sql
--     psql -d postgres -c '\password bellwether'
--
-- The password is set apart, so that it is in no file, no history and no log. May be run again at any time.
-- Source: https://www.postgresql.org/docs/current/predefined-roles.html

do $$
begin
    if not exists (select from pg_roles where rolname = 'bellwether') then
        create role bellwether login;
    end if;
end
$$;

-- Three connections are the most that Bellwether opens unless its settings say otherwise; two more for a visitor with psql.
alter role bellwether connection limit 5;

-- Bellwether limits itself to less in each transaction. These hold whoever has the password.
alter role bellwether set default_transaction_read_only = on;
alter role bellwether set statement_timeout = '60s';
alter role bellwether set lock_timeout = '1s';
alter role bellwether set idle_in_transaction_session_timeout = '2min';

-- All statistics and settings of the server; no row of any table.
grant pg_monitor to bellwether;

-- The business figures: the views of the contract (bellwether schema), in this database, where it has them. A view reads its
-- tables with the rights of its owner, so the role needs none on the tables.
do $$
begin
    if exists (select from pg_namespace where nspname = 'bellwether') then
        grant usage on schema bellwether to bellwether;
        grant select on all tables in schema bellwether to bellwether;
    end if;
end
$$;

-- Nothing is revoked here, for others may rely on it. Up to PostgreSQL 14 every role may create tables in the schema public of
-- every database; where that is not wanted:  revoke create on schema public from public;
