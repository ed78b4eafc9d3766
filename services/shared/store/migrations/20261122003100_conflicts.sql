-- Disagreements somebody has to settle. `base` is an object with a `value`, because "never agreed"
-- and "agreed on empty" differ; the organisation is the incident's, to list by.
create table conflicts (
    id uuid primary key,
    org text not null,
    incident uuid not null references incidents (id),
    link uuid not null references links (id),
    integration uuid not null references integrations (id),
    field text not null,
    reason text not null,
    standing text not null,
    platform jsonb not null,
    external jsonb not null,
    base jsonb,
    opened_at timestamptz not null,
    ending jsonb
);

-- The few that are open are read with every batch; a field is disputed once at a time.
create unique index conflicts_open on conflicts (incident, link, field) where standing = 'open';
create index conflicts_newest on conflicts (org, opened_at desc, id desc);
create index conflicts_integration on conflicts (integration, opened_at desc, id desc);
