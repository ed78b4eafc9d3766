-- Which version's read is to show what was never seen of a record, so that it is asked for once.
alter table links add column asked bigint not null default 0;
