-- What was done belongs to an organisation as what it was done to does; none for what concerns all.
alter table admin_audit add column org text;

create index admin_audit_org on admin_audit (org, position);
