-- What should have been told and was found by looking, once: how many webhooks never came, and how
-- long it took until that was made good.
create table missed (
    integration uuid not null references integrations (id),
    entry text not null,
    occurred_at timestamptz not null,
    found_at timestamptz not null,
    primary key (integration, entry)
);

create index missed_found_at on missed (integration, found_at);
