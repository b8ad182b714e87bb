-- What of a Supabase project the mapping reads: Supabase's own schema auth, and five tables of an application.
create schema auth;
create table auth.users (id uuid primary key, email text, raw_app_meta_data jsonb, created_at timestamptz, deleted_at timestamptz);
create type auth.factor_type as enum ('totp', 'webauthn', 'phone');
create type auth.factor_status as enum ('unverified', 'verified');
create table auth.mfa_factors (id uuid primary key, user_id uuid, factor_type auth.factor_type, status auth.factor_status,
                               created_at timestamptz, secret text);
create table public.events (id uuid primary key default gen_random_uuid(), user_id uuid, session_id uuid, event_name text,
                            properties jsonb, created_at timestamptz);
create table public.onboarding_funnel (id uuid primary key default gen_random_uuid(), user_id uuid, step_name text, step_order int,
                                       started_at timestamptz, completed_at timestamptz, abandoned_at timestamptz);
create table public.mfa_audit_logs (id uuid primary key default gen_random_uuid(), user_id uuid, event_type text, method text,
                                    success boolean, failure_reason text, ip_address inet, created_at timestamptz);
create table public.security_events (id uuid primary key default gen_random_uuid(), user_id uuid, event_type text, severity text,
                                     details jsonb, created_at timestamptz, resolved_at timestamptz);
create table public.download_logs (id uuid primary key default gen_random_uuid(), user_id uuid, resource_id uuid,
                                   resource_type text, file_name text, downloaded_at timestamptz);

insert into auth.users values
  ('00000000-0000-0000-0000-000000000001', 'ada@example.com', '{"channel": "organic"}', '2026-02-01', null),
  ('00000000-0000-0000-0000-000000000002', 'bob@example.com', '{}', '2026-02-02', '2026-02-20');
insert into auth.mfa_factors values
  ('00000000-0000-0000-0000-00000000000a', '00000000-0000-0000-0000-000000000001', 'totp', 'verified', '2026-02-03', 'JBSWY3DP'),
  ('00000000-0000-0000-0000-00000000000b', '00000000-0000-0000-0000-000000000002', 'phone', 'unverified', '2026-02-03', 'x');
insert into public.events (user_id, session_id, event_name, properties, created_at) values
  ('00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-0000000000ff', 'page_view', '{"device": "mobile"}', '2026-02-28 10:00Z'),
  ('00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-0000000000ff', 'signup_started', '{}', '2026-02-28 10:05Z');
insert into public.onboarding_funnel (user_id, step_name, step_order, started_at, completed_at) values
  ('00000000-0000-0000-0000-000000000001', 'profile', 1, '2026-02-01', '2026-02-01 00:01');
insert into public.mfa_audit_logs (user_id, event_type, method, success, failure_reason, ip_address, created_at) values
  ('00000000-0000-0000-0000-000000000001', 'verify', 'totp', true, null, '192.0.2.1', '2026-02-27'),
  ('00000000-0000-0000-0000-000000000001', 'verify', 'totp', false, 'wrong_code', '192.0.2.1', '2026-02-27');
insert into public.security_events (event_type, severity, details, created_at) values
  ('brute_force', 'critical', '{"email": "ada@example.com"}', '2026-02-27');
insert into public.download_logs (user_id, resource_type, file_name, downloaded_at) values
  ('00000000-0000-0000-0000-000000000001', 'report', 'ada-salary.pdf', '2026-02-27');
