-- Notes, and where each of them is: `foreign_id` is its id on the link's external side once that
-- is known, so that a note passes once in either direction.
create table notes (
    id uuid primary key,
    incident uuid not null references incidents (id),
    text text not null,
    author jsonb not null,
    at timestamptz not null
);

create index notes_incident on notes (incident);

create table note_links (
    note uuid not null references notes (id),
    link uuid not null references links (id),
    foreign_id text,
    issued boolean not null,
    primary key (note, link),
    unique (link, foreign_id)
);
