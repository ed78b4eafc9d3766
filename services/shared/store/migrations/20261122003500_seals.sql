-- Seals over the ends of the decisions' chains: each has a Merkle root over the incidents whose chain
-- grew since the seal before (its leaves), and leads on from that seal's own hash. So whoever holds
-- one seal's hash can tell whether anything before it was changed.
create table seals (
    number bigint primary key,
    at timestamptz not null,
    leaves bigint not null,
    tree text not null,
    previous text not null,
    hash text not null
);

create table seal_leaves (
    seal bigint not null references seals (number),
    incident uuid not null,
    length bigint not null,
    head text not null,
    primary key (seal, incident)
);

create index seal_leaves_incident on seal_leaves (incident, length);

-- Whose chain grew: a row for each time it did, so that whoever adds waits for nobody. The sealer
-- takes them out.
create table unsealed (
    incident uuid not null
);

insert into unsealed (incident) select id from incidents where chain_length > 0;

create trigger seals_append_only before update or delete on seals
for each row execute function refuse_to_change();
create trigger seal_leaves_append_only before update or delete on seal_leaves
for each row execute function refuse_to_change();
