-- The platform's record. `authorship` says, per field, in which revision, when and by whom it was
-- last set; the rules need it, people read the plain columns.
create table incidents (
    id uuid primary key,
    org text not null,
    title text not null,
    description text,
    severity text not null,
    status text not null,
    assigned_to text,
    escalation_policy text,
    incident_type text,
    labels jsonb not null default '{}',
    authorship jsonb not null,
    revision bigint not null,
    sequence bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null
);

-- Lists are per organisation, newest first.
create index incidents_newest on incidents (org, created_at desc, id desc);
