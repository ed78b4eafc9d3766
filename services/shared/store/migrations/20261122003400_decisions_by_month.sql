-- Decisions grow without end and are asked for by time: one partition a month. They refer to nothing
-- by foreign key, since an audit outlives what it is about and each reference would be looked up
-- with each row. `org` is the incident's, to list by.
alter table decisions rename to decisions_whole;
alter index decisions_incident rename to decisions_whole_incident;

create table decisions (
    id uuid not null,
    org text not null,
    incident uuid not null,
    link uuid,
    field text not null,
    before text,
    after text,
    external text,
    rule text not null,
    cause jsonb not null,
    actor jsonb not null,
    at timestamptz not null,
    config_version bigint,
    position bigint not null,
    previous text not null,
    hash text not null,
    before_by jsonb,
    before_at timestamptz,
    authored_at timestamptz not null,
    primary key (id, at)
) partition by range (at);

create index decisions_incident on decisions (incident, position);
create index decisions_newest on decisions (org, at desc, id desc);

-- What no month has a partition for is kept all the same.
create table decisions_default partition of decisions default;

-- Makes the partition of the month that `month` lies in, unless it is there; says whether it did.
-- Whoever calls it needs no right to make tables.
create function make_decisions_partition(month timestamptz) returns boolean
language plpgsql security definer set search_path from current as $$
declare
    first timestamptz := date_trunc('month', month, 'UTC');
    next timestamptz := date_trunc('month', first + interval '32 days', 'UTC');
    name text := 'decisions_' || to_char(first at time zone 'UTC', 'YYYY_MM');
begin
    if to_regclass(name) is not null then
        return false;
    end if;
    -- Two copies that see it missing: one makes it, the other finds it.
    perform pg_advisory_xact_lock(hashtextextended('decisions partitions', 0));
    if to_regclass(name) is not null then
        return false;
    end if;
    if exists (select from decisions_default where at >= first and at < next) then
        -- Its rows would lie in the new month: they move there.
        alter table decisions detach partition decisions_default;
        execute format(
            'create table %I partition of decisions for values from (%L) to (%L)',
            name, first, next
        );
        with moved as (
            delete from decisions_default where at >= first and at < next returning *
        )
        insert into decisions select * from moved;
        alter table decisions attach partition decisions_default default;
    else
        -- Attaching does not hold up those who write, as making it in its place would.
        execute format('create table %I (like decisions including all)', name);
        execute format(
            'alter table decisions attach partition %I for values from (%L) to (%L)',
            name, first, next
        );
    end if;
    return true;
end
$$;

select make_decisions_partition(month)
from (
    select distinct date_trunc('month', at, 'UTC') as month from decisions_whole
    union
    select now()
    union
    select date_trunc('month', now(), 'UTC') + interval '32 days'
) as months;

insert into decisions (
    id, org, incident, link, field, before, after, external, rule, cause, actor, at,
    config_version, position, previous, hash, before_by, before_at, authored_at
)
select
    whole.id, incidents.org, whole.incident, whole.link, whole.field, whole.before, whole.after,
    whole.external, whole.rule, whole.cause, whole.actor, whole.at, whole.config_version,
    whole.position, whole.previous, whole.hash, whole.before_by, whole.before_at,
    coalesce(whole.authored_at, whole.at)
from decisions_whole as whole
join incidents on incidents.id = whole.incident;

drop table decisions_whole;

-- Nobody changes what was decided, by accident or by hand, without taking this away first.
create function refuse_to_change() returns trigger language plpgsql as $$
begin
    raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation';
end
$$;

create trigger decisions_append_only before update or delete on decisions
for each row execute function refuse_to_change();
create trigger decisions_not_emptied before truncate on decisions
for each statement execute function refuse_to_change();
