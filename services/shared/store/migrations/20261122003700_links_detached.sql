-- A record belongs to one incident at a time; a link that was taken apart lets it go.
alter table links drop constraint links_integration_record_key;
create unique index links_record on links (integration, record) where not detached;
create index links_record_detached on links (integration, record) where detached;
-- Creations under way, for which an event about an unknown record waits.
create index links_creating on links (integration)
where record is null and published is not null and not detached and confirmed < version;
