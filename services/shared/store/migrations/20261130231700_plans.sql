-- What joining an integration's two sides would come to, line by line, and how far it was done.
-- `next_at` is when the next of it may be done: whoever does it moves it ahead for a while, so that
-- another copy goes on where one dies.
create table plans (
    id uuid primary key,
    integration uuid not null references integrations (id),
    org text not null,
    state text not null,
    actor text not null,
    config_version bigint not null,
    told jsonb not null,
    problem text,
    author jsonb,
    created_at timestamptz not null,
    read_at timestamptz not null,
    applied_at timestamptz,
    finished_at timestamptz,
    next_at timestamptz
);

create index plans_of_integration on plans (integration, created_at desc);

create index plans_applying on plans (next_at) where state = 'applying';

create table plan_lines (
    plan uuid not null references plans (id) on delete cascade,
    position bigint not null,
    kind text not null,
    incident uuid,
    record text,
    line jsonb not null,
    state text not null,
    sent_as text,
    sent_at timestamptz,
    reason text,
    primary key (plan, position)
);

create index plan_lines_by_state on plan_lines (plan, state, position);
