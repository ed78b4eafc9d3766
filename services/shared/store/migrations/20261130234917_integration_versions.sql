-- Every version of an integration's configuration, so that a decision's version can be looked up and
-- an earlier one be brought back. Without secrets: those have no history.
create table integration_versions (
    integration uuid not null references integrations (id),
    version bigint not null,
    at timestamptz not null,
    actor text not null,
    action text not null,
    config jsonb not null,
    primary key (integration, version)
);

-- What was there before; who made it so is in admin_audit.
insert into integration_versions (integration, version, at, actor, action, config)
select id, version, updated_at, 'tandem', 'integration.keep', config
from integrations;
