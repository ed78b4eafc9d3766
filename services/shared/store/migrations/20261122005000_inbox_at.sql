-- When an integration was last heard of, in either direction: rows come in nearly in the order of
-- their time, so an index of blocks is all it takes, and costs those who write next to nothing.
create index inbox_at on inbox using brin (at) with (pages_per_range = 16, autosummarize = on);
