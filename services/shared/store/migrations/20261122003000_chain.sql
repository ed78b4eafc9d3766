-- Decisions are chained per incident: each carries the hash of the one before, and the incident the
-- hash of the last, so that a row changed or taken out afterwards shows.
alter table incidents
    add column chain_length bigint not null default 0,
    add column chain_hash text not null default '';
-- What was decided before there was a chain stays as it is, at position 0.
alter table decisions
    add column position bigint not null default 0,
    add column previous text not null default '',
    add column hash text not null default '',
    add column before_by jsonb,
    add column before_at timestamptz,
    add column authored_at timestamptz;
-- A link taken apart by hand, and the configuration's version a link was last compared under.
alter table links
    add column detached boolean not null default false,
    add column levelled bigint not null default 0;
-- Labels are fields like the others: those that are there belong to nobody in particular.
update incidents
set authorship = authorship || (
    select jsonb_object_agg(
        'label.' || name,
        jsonb_build_object('rev', 0, 'at', created_at, 'by', '{"side": "platform"}'::jsonb)
    )
    from jsonb_object_keys(labels) as name
)
where labels <> '{}';
