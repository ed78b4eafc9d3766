-- What was done through admin, by whom, and what it changed. Append-only.
create table admin_audit (
    position bigint generated always as identity primary key,
    at timestamptz not null,
    actor text not null,
    action text not null,
    target text not null,
    reason text,
    before json,
    after json
);

create index admin_audit_target on admin_audit (target, position);
