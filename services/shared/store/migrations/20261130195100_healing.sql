-- How far each integration has been looked through for what nobody told: the history up to
-- `reached_at` (external clock) but for the records in `owed`, and every open record since `swept_at`
-- (our clock). It moves only past what has been dealt with.
create table healing (
    integration uuid primary key references integrations (id),
    began_at timestamptz not null,
    reached_at timestamptz not null,
    owed jsonb not null default '[]',
    swept_at timestamptz,
    swept_records bigint not null default 0,
    swept_calls bigint not null default 0,
    updated_at timestamptz not null
);
