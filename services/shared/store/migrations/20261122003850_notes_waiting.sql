-- Notes whose way is not done yet are read with every batch.
create index note_links_waiting on note_links (link) where foreign_id is null;
