-- When a desired state was last published: one that got no receipt for minutes may have been lost
-- with the broker's disk, and is published again.
alter table desired add column published_at timestamptz;
