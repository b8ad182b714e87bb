-- The contract: the views that Bellwether's packs read. Each is empty until it is mapped onto tables of yours with
--     create or replace view bellwether.accounts as select id::text as account_id, … from public.customer;
-- PostgreSQL refuses a replacement whose columns differ in name, order or type, so a mapping that is accepted fits.
-- Create them with  bellwether schema | psql --single-transaction --set ON_ERROR_STOP=1 DATABASE
-- A view that exists stays as it is, so this may run again when a new version or another pack reads more of them.

create schema if not exists bellwether;

create view bellwether.accounts as
select null::text as account_id,
       null::timestamptz as created_at,
       null::text as country,
       null::text as channel
where false;
comment on view bellwether.accounts is 'One row per account: the person or company that subscribes and pays.';
comment on column bellwether.accounts.account_id is 'Identifies the account; unique, never NULL. Never exported.';
comment on column bellwether.accounts.created_at is 'When the account was opened; never NULL.';
comment on column bellwether.accounts.country is
  'ISO 3166-1 code of two capital letters, such as FR; NULL when not known. Becomes a label.';
comment on column bellwether.accounts.channel is
  'Through which channel it came, one of a small set such as organic, paid_search, referral; NULL when not known. Becomes a label.';

create view bellwether.users as
select null::text as user_id,
       null::text as account_id,
       null::timestamptz as created_at,
       null::timestamptz as deleted_at
where false;
comment on view bellwether.users is 'One row per person who can sign in.';
comment on column bellwether.users.user_id is 'Identifies the person; unique, never NULL. Never exported.';
comment on column bellwether.users.account_id is 'The account that the person belongs to; never NULL. Never exported.';
comment on column bellwether.users.created_at is 'When the person was registered; never NULL.';
comment on column bellwether.users.deleted_at is 'When the person was deleted; NULL while registered.';

create view bellwether.subscriptions as
select null::text as subscription_id,
       null::text as account_id,
       null::text as plan,
       null::text as currency,
       null::numeric as amount,
       null::int as interval_months,
       null::timestamptz as started_at,
       null::timestamptz as trial_ends_at,
       null::timestamptz as ended_at
where false;
comment on view bellwether.subscriptions is
  'One row per stretch of unchanged price: a change of plan, price or quantity ends one row and starts the next at the same instant.';
comment on column bellwether.subscriptions.subscription_id is
  'Identifies the subscription, and stays the same over its stretches. Never exported.';
comment on column bellwether.subscriptions.account_id is 'The account that pays; never NULL. Never exported.';
comment on column bellwether.subscriptions.plan is 'Name of the plan, one of a small set; never NULL. Becomes a label.';
comment on column bellwether.subscriptions.currency is
  'ISO 4217 code, written the same way everywhere, such as EUR; never NULL. Becomes a label.';
comment on column bellwether.subscriptions.amount is
  'Price of one billing period in major units (12.50, not 1250), quantity and lasting discounts included, tax left out; 0 for a free plan.';
comment on column bellwether.subscriptions.interval_months is 'Months that one billing period covers: 1, 3, 12; at least 1.';
comment on column bellwether.subscriptions.started_at is 'When the stretch began, trial included; never NULL.';
comment on column bellwether.subscriptions.trial_ends_at is
  'When paying begins, where the stretch began with a trial; NULL without one.';
comment on column bellwether.subscriptions.ended_at is
  'The first instant at which the stretch no longer holds, also one in the future; NULL while no end is known.';

create view bellwether.payments as
select null::text as payment_id,
       null::text as account_id,
       null::timestamptz as created_at,
       null::numeric as amount,
       null::text as currency,
       null::text as outcome,
       null::text as failure_reason,
       null::text as provider,
       null::numeric as fee
where false;
comment on view bellwether.payments is
  'One row per attempt to take money, written once, when its outcome is known, and not changed afterwards.';
comment on column bellwether.payments.payment_id is 'Identifies the attempt; unique, never NULL. Never exported.';
comment on column bellwether.payments.account_id is 'The account that was to pay; NULL when not known. Never exported.';
comment on column bellwether.payments.created_at is
  'When the row was written, by the database''s clock: the default now() of an indexed column; never NULL.';
comment on column bellwether.payments.amount is 'What was asked for, in major units; never negative: a refund is not a payment.';
comment on column bellwether.payments.currency is 'As in subscriptions.';
comment on column bellwether.payments.outcome is 'succeeded or failed, nothing else.';
comment on column bellwether.payments.failure_reason is
  'Why it failed, one of a small set such as card_declined; NULL when it succeeded. Becomes a label.';
comment on column bellwether.payments.provider is
  'Who took the payment, one of a small set such as stripe, paypal; NULL with a single provider. Becomes a label.';
comment on column bellwether.payments.fee is
  'What the provider kept of it, in major units of the same currency; NULL when not known.';

create view bellwether.refunds as
select null::text as refund_id,
       null::text as payment_id,
       null::timestamptz as created_at,
       null::numeric as amount,
       null::text as currency,
       null::text as reason
where false;
comment on view bellwether.refunds is 'One row per amount given back.';
comment on column bellwether.refunds.refund_id is 'Identifies the refund; unique, never NULL. Never exported.';
comment on column bellwether.refunds.payment_id is
  'The payment that it gives back, whole or in part; NULL when not known. Never exported.';
comment on column bellwether.refunds.created_at is 'When it was given back; never NULL.';
comment on column bellwether.refunds.amount is 'What was given back, in major units; positive.';
comment on column bellwether.refunds.currency is 'As in subscriptions.';
comment on column bellwether.refunds.reason is
  'Why, one of a small set such as requested, duplicate, fraud; NULL when not known. Becomes a label.';

create view bellwether.disputes as
select null::text as dispute_id,
       null::text as payment_id,
       null::timestamptz as opened_at,
       null::numeric as amount,
       null::text as currency,
       null::text as reason,
       null::timestamptz as closed_at,
       null::text as outcome
where false;
comment on view bellwether.disputes is 'One row per payment that the payer disputes with the bank, also called chargeback.';
comment on column bellwether.disputes.dispute_id is 'Identifies the dispute; unique, never NULL. Never exported.';
comment on column bellwether.disputes.payment_id is 'The disputed payment; NULL when not known. Never exported.';
comment on column bellwether.disputes.opened_at is 'When it was opened; never NULL.';
comment on column bellwether.disputes.amount is 'What is disputed, in major units; positive.';
comment on column bellwether.disputes.currency is 'As in subscriptions.';
comment on column bellwether.disputes.reason is
  'Why, one of a small set such as fraudulent, not_received; NULL when not known. Becomes a label.';
comment on column bellwether.disputes.closed_at is 'When it was decided; NULL while open.';
comment on column bellwether.disputes.outcome is 'won, lost, or NULL while open.';

create view bellwether.marketing_spend as
select null::timestamptz as spent_at,
       null::text as channel,
       null::text as campaign,
       null::text as currency,
       null::numeric as amount
where false;
comment on view bellwether.marketing_spend is
  'One row per amount spent on winning customers: per day and campaign, as advertising platforms report it.';
comment on column bellwether.marketing_spend.spent_at is 'The day, as its first instant; never NULL.';
comment on column bellwether.marketing_spend.channel is 'As in accounts; never NULL. Becomes a label.';
comment on column bellwether.marketing_spend.campaign is
  'Name of the campaign, one of a bounded set; NULL without one. Becomes a label.';
comment on column bellwether.marketing_spend.currency is 'As in subscriptions.';
comment on column bellwether.marketing_spend.amount is 'What was spent, in major units; never negative.';

create view bellwether.leads as
select null::text as lead_id,
       null::timestamptz as created_at,
       null::text as channel,
       null::text as campaign,
       null::timestamptz as converted_at
where false;
comment on view bellwether.leads is 'One row per person or company that asked to hear more before signing up.';
comment on column bellwether.leads.lead_id is 'Identifies the lead; unique, never NULL. Never exported.';
comment on column bellwether.leads.created_at is 'When it came; never NULL.';
comment on column bellwether.leads.channel is 'As in accounts; NULL when not known. Becomes a label.';
comment on column bellwether.leads.campaign is 'As in marketing_spend. Becomes a label.';
comment on column bellwether.leads.converted_at is 'When the lead became an account; NULL before that.';

create view bellwether.conversions as
select null::text as conversion_id,
       null::timestamptz as occurred_at,
       null::text as campaign,
       null::text as goal,
       null::numeric as value,
       null::text as currency
where false;
comment on view bellwether.conversions is 'One row per goal that a campaign reached: a sign-up, a demo booked, a purchase.';
comment on column bellwether.conversions.conversion_id is 'Identifies the conversion; unique, never NULL. Never exported.';
comment on column bellwether.conversions.occurred_at is 'When; never NULL.';
comment on column bellwether.conversions.campaign is 'As in marketing_spend; NULL without one. Becomes a label.';
comment on column bellwether.conversions.goal is 'What was reached, one of a small set; never NULL. Becomes a label.';
comment on column bellwether.conversions.value is 'What it is worth, in major units; NULL when not known.';
comment on column bellwether.conversions.currency is 'As in subscriptions; NULL without a value.';

create view bellwether.referrals as
select null::text as referral_id,
       null::text as account_id,
       null::timestamptz as created_at,
       null::timestamptz as accepted_at
where false;
comment on view bellwether.referrals is 'One row per invitation that a customer sent to somebody else.';
comment on column bellwether.referrals.referral_id is 'Identifies the invitation; unique, never NULL. Never exported.';
comment on column bellwether.referrals.account_id is 'Who invited; never NULL. Never exported.';
comment on column bellwether.referrals.created_at is 'When it was sent; never NULL.';
comment on column bellwether.referrals.accepted_at is 'When who was invited signed up; NULL before that.';

create view bellwether.newsletter as
select null::text as subscriber_id,
       null::timestamptz as subscribed_at,
       null::timestamptz as unsubscribed_at
where false;
comment on view bellwether.newsletter is 'One row per subscription to the newsletter.';
comment on column bellwether.newsletter.subscriber_id is 'Identifies the subscription; unique, never NULL. Never exported.';
comment on column bellwether.newsletter.subscribed_at is 'When it was confirmed; never NULL.';
comment on column bellwether.newsletter.unsubscribed_at is 'When it was ended; NULL while it lasts.';

create view bellwether.sessions as
select null::text as session_id,
       null::text as visitor_id,
       null::text as user_id,
       null::timestamptz as started_at,
       null::timestamptz as ended_at,
       null::int as page_views,
       null::text as device,
       null::text as source,
       null::text as medium,
       null::text as campaign
where false;
comment on view bellwether.sessions is 'One row per visit: what one visitor did until a pause of half an hour.';
comment on column bellwether.sessions.session_id is 'Identifies the visit; unique, never NULL. Never exported.';
comment on column bellwether.sessions.visitor_id is 'Identifies the browser or device; NULL when not known. Never exported.';
comment on column bellwether.sessions.user_id is 'Who it was, as in users; NULL for somebody not signed in. Never exported.';
comment on column bellwether.sessions.started_at is 'When it began; never NULL.';
comment on column bellwether.sessions.ended_at is 'When the last thing in it happened; NULL while it lasts.';
comment on column bellwether.sessions.page_views is 'Pages or screens seen; NULL when not known.';
comment on column bellwether.sessions.device is 'desktop, mobile or tablet; NULL when not known. Becomes a label.';
comment on column bellwether.sessions.source is
  'Where the visitor came from (utm_source), one of a bounded set; NULL for direct visits. Becomes a label.';
comment on column bellwether.sessions.medium is
  'By what means (utm_medium), one of a small set; NULL when not known. Becomes a label.';
comment on column bellwether.sessions.campaign is
  'Through which campaign (utm_campaign), as in marketing_spend; NULL without one. Becomes a label.';

create view bellwether.events as
select null::text as event_id,
       null::text as visitor_id,
       null::text as user_id,
       null::timestamptz as occurred_at,
       null::text as name
where false;
comment on view bellwether.events is
  'One row per thing that somebody did, for funnels and figures of your own: page seen, button clicked, step taken.';
comment on column bellwether.events.event_id is 'Identifies the event; unique, never NULL. Never exported.';
comment on column bellwether.events.visitor_id is 'As in sessions. Never exported.';
comment on column bellwether.events.user_id is 'Who it was, as in users; NULL for somebody not signed in. Never exported.';
comment on column bellwether.events.occurred_at is
  'When, by the database''s clock: the default now() of an indexed column; never NULL.';
comment on column bellwether.events.name is
  'What was done, one of a bounded set such as signup_started, cta_clicked; never NULL. Becomes a label.';

create view bellwether.features as
select null::text as feature,
       null::boolean as core,
       null::timestamptz as released_at
where false;
comment on view bellwether.features is 'One row per feature of the product whose use is watched.';
comment on column bellwether.features.feature is 'Its name; unique, never NULL. Becomes a label.';
comment on column bellwether.features.core is 'Whether every user should come to use it; never NULL.';
comment on column bellwether.features.released_at is 'When users first had it; NULL when always.';

create view bellwether.feature_uses as
select null::text as user_id,
       null::text as feature,
       null::timestamptz as used_at
where false;
comment on view bellwether.feature_uses is 'One row per use of a feature.';
comment on column bellwether.feature_uses.user_id is 'Who it was, as in users; never NULL. Never exported.';
comment on column bellwether.feature_uses.feature is 'As in features; never NULL.';
comment on column bellwether.feature_uses.used_at is 'When; never NULL.';

create view bellwether.onboarding_steps as
select null::text as user_id,
       null::text as step,
       null::int as position,
       null::timestamptz as started_at,
       null::timestamptz as completed_at,
       null::timestamptz as abandoned_at
where false;
comment on view bellwether.onboarding_steps is 'One row per user and step of the introduction, written when it is begun.';
comment on column bellwether.onboarding_steps.user_id is 'Who it was, as in users; never NULL. Never exported.';
comment on column bellwether.onboarding_steps.step is 'Name of the step, one of a small set; never NULL. Becomes a label.';
comment on column bellwether.onboarding_steps.position is
  'Its place in the order, 1 first; never NULL. Leave out steps that are not taken any more: the highest position is the last step.';
comment on column bellwether.onboarding_steps.started_at is 'When it was begun; never NULL.';
comment on column bellwether.onboarding_steps.completed_at is 'When it was done; NULL before that.';
comment on column bellwether.onboarding_steps.abandoned_at is 'When it was given up; NULL unless it was.';

create view bellwether.onboarding_prompts as
select null::text as user_id,
       null::text as kind,
       null::timestamptz as shown_at,
       null::timestamptz as acted_at,
       null::timestamptz as dismissed_at
where false;
comment on view bellwether.onboarding_prompts is 'One row per hint or message that is to help a new user along.';
comment on column bellwether.onboarding_prompts.user_id is 'Who it was, as in users; never NULL. Never exported.';
comment on column bellwether.onboarding_prompts.kind is
  'hint, shown inside the product, or reengagement, sent to somebody who stays away. Becomes a label.';
comment on column bellwether.onboarding_prompts.shown_at is 'When it was shown or sent; never NULL.';
comment on column bellwether.onboarding_prompts.acted_at is 'When it was followed; NULL unless it was.';
comment on column bellwether.onboarding_prompts.dismissed_at is 'When it was waved away; NULL unless it was.';

create view bellwether.resource_actions as
select null::text as user_id,
       null::timestamptz as occurred_at,
       null::text as resource_type,
       null::text as action,
       null::numeric as seconds,
       null::numeric as scroll_ratio,
       null::numeric as rating
where false;
comment on view bellwether.resource_actions is
  'One row per thing done with a resource: an article, a video, a document, a template.';
comment on column bellwether.resource_actions.user_id is 'Who it was, as in users; NULL when not known. Never exported.';
comment on column bellwether.resource_actions.occurred_at is 'When; never NULL.';
comment on column bellwether.resource_actions.resource_type is
  'What kind of resource, one of a small set; never NULL. Becomes a label.';
comment on column bellwether.resource_actions.action is
  'viewed, downloaded, shared, created, searched, rated or deleted. Becomes a label.';
comment on column bellwether.resource_actions.seconds is 'How long it was viewed; NULL otherwise.';
comment on column bellwether.resource_actions.scroll_ratio is 'How far down it was read, 0 to 1; NULL otherwise.';
comment on column bellwether.resource_actions.rating is 'The rating given, 1 to 5; NULL otherwise.';

create view bellwether.files as
select null::text as file_id,
       null::text as kind,
       null::bigint as bytes,
       null::timestamptz as created_at,
       null::timestamptz as deleted_at
where false;
comment on view bellwether.files is 'One row per file that users uploaded.';
comment on column bellwether.files.file_id is 'Identifies the file; unique, never NULL. Never exported.';
comment on column bellwether.files.kind is
  'What kind of file, one of a small set such as image, document; never NULL. Becomes a label.';
comment on column bellwether.files.bytes is 'Its size; never NULL.';
comment on column bellwether.files.created_at is 'When it was uploaded; never NULL.';
comment on column bellwether.files.deleted_at is 'When it was deleted; NULL while it is kept.';

create view bellwether.notifications as
select null::text as notification_id,
       null::text as user_id,
       null::text as batch_id,
       null::text as channel,
       null::text as type,
       null::timestamptz as sent_at,
       null::timestamptz as delivered_at,
       null::timestamptz as displayed_at,
       null::timestamptz as clicked_at,
       null::timestamptz as dismissed_at,
       null::timestamptz as failed_at,
       null::text as failure_reason
where false;
comment on view bellwether.notifications is 'One row per message to one user, by push, e-mail, text message or in the product.';
comment on column bellwether.notifications.notification_id is 'Identifies the message; unique, never NULL. Never exported.';
comment on column bellwether.notifications.user_id is 'Who it was, as in users; never NULL. Never exported.';
comment on column bellwether.notifications.batch_id is
  'Messages sent together have the same; NULL for single ones. Never exported.';
comment on column bellwether.notifications.channel is 'push, email, sms or in_app. Becomes a label.';
comment on column bellwether.notifications.type is 'What it is about, one of a small set; never NULL. Becomes a label.';
comment on column bellwether.notifications.sent_at is 'When it was handed over; never NULL.';
comment on column bellwether.notifications.delivered_at is 'When it reached the device or mailbox; NULL unless it did.';
comment on column bellwether.notifications.displayed_at is 'When it was shown; NULL unless it was.';
comment on column bellwether.notifications.clicked_at is 'When it was opened or clicked; NULL unless it was.';
comment on column bellwether.notifications.dismissed_at is 'When it was waved away; NULL unless it was.';
comment on column bellwether.notifications.failed_at is 'When it was given up; NULL unless it was.';
comment on column bellwether.notifications.failure_reason is 'Why, one of a small set; NULL unless it failed. Becomes a label.';

create view bellwether.notification_choices as
select null::text as user_id,
       null::text as channel,
       null::timestamptz as asked_at,
       null::timestamptz as decided_at,
       null::text as choice
where false;
comment on view bellwether.notification_choices is 'One row per time that a user was asked for permission, or decided anew.';
comment on column bellwether.notification_choices.user_id is 'Who it was, as in users; never NULL. Never exported.';
comment on column bellwether.notification_choices.channel is 'As in notifications. Becomes a label.';
comment on column bellwether.notification_choices.asked_at is
  'When the question was shown; NULL when a setting was changed unasked.';
comment on column bellwether.notification_choices.decided_at is 'When it was decided; NULL when the question was closed.';
comment on column bellwether.notification_choices.choice is
  'granted, denied or opted_out; NULL without a decision. Becomes a label.';

create view bellwether.connections as
select null::text as connection_id,
       null::text as transport,
       null::timestamptz as attempted_at,
       null::timestamptz as established_at,
       null::timestamptz as failed_at,
       null::text as error,
       null::timestamptz as disconnected_at,
       null::text as disconnect_reason,
       null::boolean as fell_back,
       null::numeric as latency_seconds,
       null::int as messages
where false;
comment on view bellwether.connections is 'One row per attempt to open a realtime connection.';
comment on column bellwether.connections.connection_id is 'Identifies the attempt; unique, never NULL. Never exported.';
comment on column bellwether.connections.transport is 'websocket, sse or polling: what it came to. Becomes a label.';
comment on column bellwether.connections.attempted_at is 'When it was tried; never NULL.';
comment on column bellwether.connections.established_at is 'When it stood; NULL unless it did.';
comment on column bellwether.connections.failed_at is 'When it was given up; NULL unless it was.';
comment on column bellwether.connections.error is 'Why, one of a small set; NULL unless it failed. Becomes a label.';
comment on column bellwether.connections.disconnected_at is 'When it ended; NULL while it stands.';
comment on column bellwether.connections.disconnect_reason is
  'Why it ended, one of a small set such as closed, timeout, server_restart; NULL while it stands. Becomes a label.';
comment on column bellwether.connections.fell_back is 'Whether it is polling because nothing better could be had; never NULL.';
comment on column bellwether.connections.latency_seconds is 'The median round trip; NULL when not measured.';
comment on column bellwether.connections.messages is 'Messages carried so far; NULL when not counted.';

create view bellwether.bookings as
select null::text as booking_id,
       null::text as coach_id,
       null::text as client_id,
       null::text as kind,
       null::timestamptz as booked_at,
       null::timestamptz as starts_at,
       null::timestamptz as completed_at,
       null::timestamptz as cancelled_at,
       null::numeric as rating
where false;
comment on view bellwether.bookings is 'One row per appointment between a coach and a client, or whatever is booked with you.';
comment on column bellwether.bookings.booking_id is 'Identifies the appointment; unique, never NULL. Never exported.';
comment on column bellwether.bookings.coach_id is 'Who offers it; NULL when not known. Never exported.';
comment on column bellwether.bookings.client_id is 'Who booked it; never NULL. Never exported.';
comment on column bellwether.bookings.kind is 'What was booked, one of a small set; never NULL. Becomes a label.';
comment on column bellwether.bookings.booked_at is 'When it was made; never NULL.';
comment on column bellwether.bookings.starts_at is 'For when; never NULL.';
comment on column bellwether.bookings.completed_at is 'When it was over; NULL before that.';
comment on column bellwether.bookings.cancelled_at is 'When it was called off; NULL unless it was.';
comment on column bellwether.bookings.rating is 'The client''s rating, 1 to 5; NULL without one.';

create view bellwether.tasks as
select null::text as task_id,
       null::text as user_id,
       null::timestamptz as created_at,
       null::timestamptz as due_at,
       null::timestamptz as completed_at
where false;
comment on view bellwether.tasks is 'One row per task that a user is to do.';
comment on column bellwether.tasks.task_id is 'Identifies the task; unique, never NULL. Never exported.';
comment on column bellwether.tasks.user_id is 'Who it was, as in users; never NULL. Never exported.';
comment on column bellwether.tasks.created_at is 'When it was set; never NULL.';
comment on column bellwether.tasks.due_at is 'Until when; NULL for any time.';
comment on column bellwether.tasks.completed_at is 'When it was done; NULL before that.';

create view bellwether.goals as
select null::text as goal_id,
       null::text as user_id,
       null::text as kind,
       null::timestamptz as created_at,
       null::timestamptz as completed_at,
       null::timestamptz as abandoned_at
where false;
comment on view bellwether.goals is 'One row per goal that a user set or was set.';
comment on column bellwether.goals.goal_id is 'Identifies the goal; unique, never NULL. Never exported.';
comment on column bellwether.goals.user_id is 'Who it was, as in users; never NULL. Never exported.';
comment on column bellwether.goals.kind is 'What sort of goal, one of a small set; never NULL. Becomes a label.';
comment on column bellwether.goals.created_at is 'When it was set; never NULL.';
comment on column bellwether.goals.completed_at is 'When it was reached; NULL before that.';
comment on column bellwether.goals.abandoned_at is 'When it was given up; NULL unless it was.';

create view bellwether.groups as
select null::text as group_id,
       null::timestamptz as created_at,
       null::timestamptz as closed_at
where false;
comment on view bellwether.groups is 'One row per group of users: a household, a team, a class.';
comment on column bellwether.groups.group_id is 'Identifies the group; unique, never NULL. Never exported.';
comment on column bellwether.groups.created_at is 'When it was founded; never NULL.';
comment on column bellwether.groups.closed_at is 'When it was dissolved; NULL while it lasts.';

create view bellwether.group_members as
select null::text as group_id,
       null::text as user_id,
       null::timestamptz as joined_at,
       null::timestamptz as left_at
where false;
comment on view bellwether.group_members is 'One row per stay of a user in a group.';
comment on column bellwether.group_members.group_id is 'As in groups; never NULL. Never exported.';
comment on column bellwether.group_members.user_id is 'Who it was, as in users; never NULL. Never exported.';
comment on column bellwether.group_members.joined_at is 'When the stay began; never NULL.';
comment on column bellwether.group_members.left_at is 'When it ended; NULL while it lasts.';

create view bellwether.group_operations as
select null::text as group_id,
       null::text as user_id,
       null::timestamptz as occurred_at,
       null::text as operation,
       null::text as outcome
where false;
comment on view bellwether.group_operations is 'One row per thing that a user tried to do in or with a group.';
comment on column bellwether.group_operations.group_id is
  'As in groups; NULL where none came of it, as of a founding that failed. Never exported.';
comment on column bellwether.group_operations.user_id is 'Who it was, as in users; NULL when not known. Never exported.';
comment on column bellwether.group_operations.occurred_at is
  'When, by the database''s clock: the default now() of an indexed column; never NULL.';
comment on column bellwether.group_operations.operation is
  'What was tried, one of a small set such as create, invite, join, split_bill; never NULL. Becomes a label.';
comment on column bellwether.group_operations.outcome is 'succeeded or failed. Becomes a label.';

create view bellwether.meter_readings as
select null::text as reading_id,
       null::text as group_id,
       null::text as kind,
       null::timestamptz as due_at,
       null::timestamptz as submitted_at,
       null::timestamptz as rejected_at
where false;
comment on view bellwether.meter_readings is 'One row per reading that is due.';
comment on column bellwether.meter_readings.reading_id is 'Identifies the reading; unique, never NULL. Never exported.';
comment on column bellwether.meter_readings.group_id is 'The group that owes it, as in groups; NULL without one. Never exported.';
comment on column bellwether.meter_readings.kind is
  'What the meter counts, one of a small set such as water, power; never NULL. Becomes a label.';
comment on column bellwether.meter_readings.due_at is 'Until when; never NULL.';
comment on column bellwether.meter_readings.submitted_at is 'When it came; NULL before that.';
comment on column bellwether.meter_readings.rejected_at is 'When it was refused as implausible; NULL unless it was.';

create view bellwether.tickets as
select null::text as ticket_id,
       null::text as account_id,
       null::text as channel,
       null::text as priority,
       null::timestamptz as created_at,
       null::timestamptz as first_responded_at,
       null::timestamptz as resolved_at
where false;
comment on view bellwether.tickets is 'One row per request to the support desk.';
comment on column bellwether.tickets.ticket_id is 'Identifies the request; unique, never NULL. Never exported.';
comment on column bellwether.tickets.account_id is 'Who asks; NULL when not known. Never exported.';
comment on column bellwether.tickets.channel is
  'How it came, one of a small set such as email, chat, phone; never NULL. Becomes a label.';
comment on column bellwether.tickets.priority is 'urgent, high, normal or low. Becomes a label.';
comment on column bellwether.tickets.created_at is 'When it came; never NULL.';
comment on column bellwether.tickets.first_responded_at is 'When a person first answered; NULL before that.';
comment on column bellwether.tickets.resolved_at is 'When it was settled; NULL while open.';

create view bellwether.feedback as
select null::text as response_id,
       null::text as user_id,
       null::text as survey,
       null::int as score,
       null::text as sentiment,
       null::timestamptz as created_at
where false;
comment on view bellwether.feedback is 'One row per answer to a question about satisfaction.';
comment on column bellwether.feedback.response_id is 'Identifies the answer; unique, never NULL. Never exported.';
comment on column bellwether.feedback.user_id is 'Who it was, as in users; NULL when not known. Never exported.';
comment on column bellwether.feedback.survey is
  'nps: how likely is it that you recommend us, 0 to 10; csat: how satisfied are you, 1 to 5. Becomes a label.';
comment on column bellwether.feedback.score is 'The answer on that scale; never NULL.';
comment on column bellwether.feedback.sentiment is
  'positive, neutral or negative, as judged from the text beside the score; NULL without a text. Becomes a label.';
comment on column bellwether.feedback.created_at is 'When; never NULL.';

create view bellwether.feature_requests as
select null::text as request_id,
       null::text as area,
       null::timestamptz as created_at,
       null::timestamptz as closed_at,
       null::text as outcome
where false;
comment on view bellwether.feature_requests is 'One row per wish for the product.';
comment on column bellwether.feature_requests.request_id is 'Identifies the wish; unique, never NULL. Never exported.';
comment on column bellwether.feature_requests.area is
  'Part of the product, one of a small set; NULL when not known. Becomes a label.';
comment on column bellwether.feature_requests.created_at is 'When it came; never NULL.';
comment on column bellwether.feature_requests.closed_at is 'When it was decided; NULL while open.';
comment on column bellwether.feature_requests.outcome is 'done or declined; NULL while open. Becomes a label.';

create view bellwether.feature_request_votes as
select null::text as request_id,
       null::timestamptz as voted_at
where false;
comment on view bellwether.feature_request_votes is 'One row per vote for a wish.';
comment on column bellwether.feature_request_votes.request_id is 'As in feature_requests; never NULL. Never exported.';
comment on column bellwether.feature_request_votes.voted_at is 'When; never NULL.';

create view bellwether.bug_reports as
select null::text as report_id,
       null::text as severity,
       null::text as area,
       null::timestamptz as created_at,
       null::timestamptz as closed_at
where false;
comment on view bellwether.bug_reports is 'One row per fault that somebody reported.';
comment on column bellwether.bug_reports.report_id is 'Identifies the report; unique, never NULL. Never exported.';
comment on column bellwether.bug_reports.severity is 'critical, high, medium or low. Becomes a label.';
comment on column bellwether.bug_reports.area is 'As in feature_requests. Becomes a label.';
comment on column bellwether.bug_reports.created_at is 'When it came; never NULL.';
comment on column bellwether.bug_reports.closed_at is 'When it was settled; NULL while open.';

create view bellwether.auth_events as
select null::text as event_id,
       null::text as user_id,
       null::timestamptz as occurred_at,
       null::text as kind,
       null::text as outcome,
       null::text as reason,
       null::text as method,
       null::boolean as unusual
where false;
comment on view bellwether.auth_events is 'One row per attempt to prove who one is, and per consequence.';
comment on column bellwether.auth_events.event_id is 'Identifies the event; unique, never NULL. Never exported.';
comment on column bellwether.auth_events.user_id is 'Who it was, as in users; NULL when not known. Never exported.';
comment on column bellwether.auth_events.occurred_at is
  'When, by the database''s clock: the default now() of an indexed column; never NULL.';
comment on column bellwether.auth_events.kind is
  'login, logout, lockout, password_reset, mfa_verification, mfa_recovery_code or mfa_reset. Becomes a label.';
comment on column bellwether.auth_events.outcome is 'succeeded or failed. Becomes a label.';
comment on column bellwether.auth_events.reason is
  'Why it failed, one of a small set such as wrong_password, unknown_user; NULL when it succeeded. Becomes a label.';
comment on column bellwether.auth_events.method is
  'How: password, sso, magic_link, totp, sms, passkey, ...; NULL when not known. Becomes a label.';
comment on column bellwether.auth_events.unusual is
  'Whether it came from a place or device that is new for the user; NULL when not known.';

create view bellwether.mfa_factors as
select null::text as factor_id,
       null::text as user_id,
       null::text as method,
       null::timestamptz as enrolled_at,
       null::timestamptz as removed_at
where false;
comment on view bellwether.mfa_factors is 'One row per second factor that a user has set up.';
comment on column bellwether.mfa_factors.factor_id is 'Identifies the factor; unique, never NULL. Never exported.';
comment on column bellwether.mfa_factors.user_id is 'Who it was, as in users; never NULL. Never exported.';
comment on column bellwether.mfa_factors.method is 'totp, sms, passkey, ... as in auth_events; never NULL. Becomes a label.';
comment on column bellwether.mfa_factors.enrolled_at is 'When it was set up; never NULL.';
comment on column bellwether.mfa_factors.removed_at is 'When it was removed; NULL while in use.';

create view bellwether.security_events as
select null::text as event_id,
       null::timestamptz as occurred_at,
       null::text as kind,
       null::text as severity,
       null::timestamptz as resolved_at
where false;
comment on view bellwether.security_events is 'One row per finding of security monitoring.';
comment on column bellwether.security_events.event_id is 'Identifies the finding; unique, never NULL. Never exported.';
comment on column bellwether.security_events.occurred_at is
  'When, by the database''s clock: the default now() of an indexed column; never NULL.';
comment on column bellwether.security_events.kind is
  'What was found, one of a small set such as brute_force, suspicious_transaction; never NULL. Becomes a label.';
comment on column bellwether.security_events.severity is 'critical, high, medium or low. Becomes a label.';
comment on column bellwether.security_events.resolved_at is 'When it was dealt with; NULL while open.';

create view bellwether.access_events as
select null::text as event_id,
       null::timestamptz as occurred_at,
       null::text as action,
       null::text as outcome,
       null::boolean as sensitive,
       null::boolean as violation
where false;
comment on view bellwether.access_events is 'One row per access that was decided or recorded: the audit log.';
comment on column bellwether.access_events.event_id is 'Identifies the record; unique, never NULL. Never exported.';
comment on column bellwether.access_events.occurred_at is
  'When, by the database''s clock: the default now() of an indexed column; never NULL.';
comment on column bellwether.access_events.action is
  'What was asked for, one of a bounded set such as invoice_read, role_changed; never NULL. Becomes a label.';
comment on column bellwether.access_events.outcome is 'allowed or denied. Becomes a label.';
comment on column bellwether.access_events.sensitive is 'Whether it touches data that deserve protection; never NULL.';
comment on column bellwether.access_events.violation is 'Whether it breaks a policy; never NULL.';

create view bellwether.stored_data as
select null::text as dataset,
       null::interval as keep_for,
       null::timestamptz as oldest_at,
       null::bigint as overdue
where false;
comment on view bellwether.stored_data is
  'One row per set of data that is kept for a limited time, as it is now: its past cannot be asked for.';
comment on column bellwether.stored_data.dataset is
  'Its name, one of a small set such as analytics, audit_log; unique, never NULL. Becomes a label.';
comment on column bellwether.stored_data.keep_for is 'How long a row may be kept; never NULL.';
comment on column bellwether.stored_data.oldest_at is 'The date of the oldest row; NULL when there is none.';
comment on column bellwether.stored_data.overdue is 'Rows older than they may be; never NULL.';

create view bellwether.privacy_requests as
select null::text as request_id,
       null::text as kind,
       null::timestamptz as created_at,
       null::timestamptz as due_at,
       null::timestamptz as completed_at
where false;
comment on view bellwether.privacy_requests is 'One row per request of a person about data of their own.';
comment on column bellwether.privacy_requests.request_id is 'Identifies the request; unique, never NULL. Never exported.';
comment on column bellwether.privacy_requests.kind is 'access, erasure, portability or opt_out. Becomes a label.';
comment on column bellwether.privacy_requests.created_at is 'When it came; never NULL.';
comment on column bellwether.privacy_requests.due_at is 'By when it must be done; NULL for 30 days.';
comment on column bellwether.privacy_requests.completed_at is 'When it was done; NULL while open.';

create view bellwether.page_timings as
select null::timestamptz as occurred_at,
       null::text as page,
       null::text as device,
       null::text as timing,
       null::numeric as value
where false;
comment on view bellwether.page_timings is 'One row per measurement of how a page felt in a visitor''s browser.';
comment on column bellwether.page_timings.occurred_at is
  'When, by the database''s clock: the default now() of an indexed column; never NULL.';
comment on column bellwether.page_timings.page is
  'Which page, by its route rather than its address, one of a bounded set; never NULL. Becomes a label.';
comment on column bellwether.page_timings.device is 'As in sessions. Becomes a label.';
comment on column bellwether.page_timings.timing is 'lcp, inp, fid, cls, ttfb, fcp, tti or load. Becomes a label.';
comment on column bellwether.page_timings.value is 'Seconds; for cls the score, which has no unit; never NULL.';

create view bellwether.api_calls as
select null::timestamptz as occurred_at,
       null::text as route,
       null::text as method,
       null::int as status,
       null::numeric as seconds
where false;
comment on view bellwether.api_calls is 'One row per request that the application answered, or a sample of them.';
comment on column bellwether.api_calls.occurred_at is
  'When, by the database''s clock: the default now() of an indexed column; never NULL.';
comment on column bellwether.api_calls.route is
  'The route with its parameters'' names, such as /groups/{id}, one of a bounded set; never NULL. Becomes a label.';
comment on column bellwether.api_calls.method is 'GET, POST, ...; never NULL. Becomes a label.';
comment on column bellwether.api_calls.status is 'Status of the answer; never NULL.';
comment on column bellwether.api_calls.seconds is 'How long it took; never NULL.';

create view bellwether.experiments as
select null::text as experiment,
       null::text as variant,
       null::boolean as control,
       null::numeric as weight,
       null::timestamptz as started_at,
       null::timestamptz as ended_at
where false;
comment on view bellwether.experiments is 'One row per variant of an experiment.';
comment on column bellwether.experiments.experiment is 'Its name, one of a bounded set; never NULL. Becomes a label.';
comment on column bellwether.experiments.variant is 'The variant''s name; never NULL. Becomes a label.';
comment on column bellwether.experiments.control is
  'Whether the others are compared with it: true for one variant of each experiment.';
comment on column bellwether.experiments.weight is 'Its planned share of users, relative to the other variants''; positive.';
comment on column bellwether.experiments.started_at is 'When the experiment began; never NULL.';
comment on column bellwether.experiments.ended_at is 'When it was ended; NULL while it runs.';

create view bellwether.exposures as
select null::text as subject,
       null::text as variant,
       null::text as user_id,
       null::timestamptz as exposed_at
where false;
comment on view bellwether.exposures is 'One row per time that somebody met a variant of an experiment, or of a feature flag.';
comment on column bellwether.exposures.subject is 'The experiment or the flag; never NULL. Becomes a label.';
comment on column bellwether.exposures.variant is
  'What was met: a variant, or on and off for a flag; never NULL. Becomes a label.';
comment on column bellwether.exposures.user_id is 'Who it was, as in users; never NULL. Never exported.';
comment on column bellwether.exposures.exposed_at is 'When; never NULL.';

create view bellwether.outcomes as
select null::text as user_id,
       null::text as metric,
       null::timestamptz as occurred_at,
       null::numeric as value
where false;
comment on view bellwether.outcomes is 'One row per thing that experiments are judged by: a conversion, a purchase, a complaint.';
comment on column bellwether.outcomes.user_id is 'Who it was, as in users; never NULL. Never exported.';
comment on column bellwether.outcomes.metric is
  'What happened, one of a small set such as purchase; never NULL. Becomes a label.';
comment on column bellwether.outcomes.occurred_at is 'When; never NULL.';
comment on column bellwether.outcomes.value is 'What it is worth; NULL when only that it happened counts.';

create view bellwether.flags as
select null::text as flag,
       null::boolean as enabled,
       null::numeric as rollout_ratio,
       null::timestamptz as since,
       null::timestamptz as until
where false;
comment on view bellwether.flags is 'One row per stretch of time in which a feature flag stood the same.';
comment on column bellwether.flags.flag is 'Its name, one of a bounded set; never NULL. Becomes a label.';
comment on column bellwether.flags.enabled is 'Whether it was on for anybody; never NULL.';
comment on column bellwether.flags.rollout_ratio is 'For what share of users it was on, 0 to 1; never NULL.';
comment on column bellwether.flags.since is 'When the stretch began; never NULL.';
comment on column bellwether.flags.until is 'When it ended; NULL for the present one.';
