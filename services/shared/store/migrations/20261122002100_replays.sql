-- Replays of many dead letters. `next_at` is when the next letter may go, so that any number of
-- copies of admin keep one pace together.
create table replays (
    id uuid primary key,
    org text,
    integration uuid,
    actor text not null,
    total bigint not null,
    sent bigint not null default 0,
    superseded bigint not null default 0,
    failed bigint not null default 0,
    created_at timestamptz not null,
    next_at timestamptz not null,
    finished_at timestamptz
);

create index replays_unfinished on replays (next_at) where finished_at is null;
