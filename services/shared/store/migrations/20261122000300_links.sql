-- An incident joined to a record. `fields` is what the rules remember of each field (theirs, base,
-- open intents); `published` what was last sent towards the external side.
create table links (
    id uuid primary key,
    incident uuid not null references incidents (id),
    integration uuid not null references integrations (id),
    record text,
    number bigint,
    url text,
    problem text,
    version bigint not null,
    confirmed bigint not null,
    published jsonb,
    fields jsonb not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (integration, record),
    unique (incident, integration)
);
