-- Two notes of one text can turn out to have each other's id: they swap, in one statement.
alter table note_links drop constraint note_links_link_foreign_id_key;
alter table note_links add constraint note_links_foreign unique (link, foreign_id)
    deferrable initially immediate;
-- When the act that adds a note over there was last sent on its way, and how often: one that comes
-- to nothing may have been lost with the broker's disk.
alter table note_links
    add column issued_at timestamptz,
    add column issues bigint not null default 0;
update note_links set issued_at = now(), issues = 1 where issued and foreign_id is null;
create index note_links_unanswered on note_links (issued_at) where issued and foreign_id is null;
