-- What became of each field that was to be written, for people who ask what was sent. Append-only;
-- `position` orders what was written together.
create table writes (
    position bigint generated always as identity primary key,
    incident uuid not null,
    link uuid not null,
    version bigint not null,
    field text not null,
    value text,
    state text not null,
    at timestamptz not null
);

create index writes_incident on writes (incident, position);
