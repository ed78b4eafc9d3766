-- The people who were asked for on an external side, the last few times: its own telling of that is no news.
alter table links add column summons jsonb not null default '[]';
