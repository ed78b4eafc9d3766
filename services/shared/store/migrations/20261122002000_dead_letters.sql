-- What could not be handled, as admin took it from the stream. A letter is there once: its place in
-- the stream together with the time the stream had it comes only once, even after a broker lost its
-- disk and counts from 1 again. `json` and not `jsonb`, which refuses texts that JSON allows.
create table dead_letters (
    id uuid primary key,
    sequence bigint not null,
    stored_at timestamptz not null,
    direction text not null,
    org text,
    integration uuid,
    link uuid,
    record text,
    kind text not null,
    -- Of a desired state: its version.
    version bigint,
    -- Of an event: under what the inbox knows it.
    source text,
    delivery text,
    event text,
    cause text not null,
    cause_group text not null,
    at timestamptz not null,
    traceparent text,
    subject text not null,
    original text not null,
    request json,
    answer json,
    attempts bigint not null,
    -- Of a replay of what the letter held, which failed in its turn: the letter before.
    follows uuid references dead_letters (id),
    state text not null default 'open',
    reason text,
    replays bigint not null default 0,
    -- What was sent in place of the original.
    edited text,
    -- The bulk replay that is to send it.
    replay uuid,
    changed_at timestamptz not null,
    unique (sequence, stored_at)
);

-- Lists are newest first, mostly of one integration.
create index dead_letters_newest on dead_letters (stored_at desc, id desc);
create index dead_letters_integration on dead_letters (integration, stored_at desc, id desc);
-- The few that wait are looked through every few seconds, for what has become of them since.
create index dead_letters_open on dead_letters (replay, stored_at, sequence) where state = 'open';
-- A replay that failed finds the letter it came from.
create index dead_letters_subject on dead_letters (subject, stored_at);
