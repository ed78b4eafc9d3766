-- Every event that was taken in, once: a repeated delivery, and the same event under another
-- delivery, are recognised here. `effect` says what became of it; nothing is dropped silently.
create table inbox (
    source text not null,
    delivery text not null,
    event text not null,
    kind text not null,
    effect text not null,
    at timestamptz not null,
    primary key (source, delivery),
    unique (source, event)
);
