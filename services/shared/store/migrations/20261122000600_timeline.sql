-- What happened to an incident, for people. Append-only; `position` orders what was written
-- together.
create table timeline (
    position bigint generated always as identity primary key,
    incident uuid not null references incidents (id),
    at timestamptz not null,
    kind text not null,
    text text not null,
    actor jsonb not null
);

create index timeline_incident on timeline (incident, position);
