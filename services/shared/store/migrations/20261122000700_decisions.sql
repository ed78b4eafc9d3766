-- Why a field got, or kept, its value. Append-only.
create table decisions (
    id uuid primary key,
    incident uuid not null references incidents (id),
    link uuid references links (id),
    field text not null,
    before text,
    after text,
    external text,
    rule text not null,
    cause jsonb not null,
    actor jsonb not null,
    at timestamptz not null,
    config_version bigint
);

create index decisions_incident on decisions (incident, field, at);
