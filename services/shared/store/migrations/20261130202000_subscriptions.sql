-- The webhook subscriptions that are managed for an integration: each with its id over there, what it
-- is about and its secret, sealed.
alter table integrations add column subscriptions jsonb not null default '[]';
