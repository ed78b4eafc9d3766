-- Configuration. Admin is its only writer. `config` is the whole integration as the rules read it;
-- the columns beside it are what it is looked up by. Credentials are sealed before they get here.
create table integrations (
    id uuid primary key,
    org text not null,
    handle text not null,
    name text not null,
    config jsonb not null,
    token text,
    signing_secrets text[] not null default '{}',
    version bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz
);

-- A deleted integration keeps its row (decisions refer to it) and frees its handle.
create unique index integrations_handle on integrations (org, handle) where deleted_at is null;
