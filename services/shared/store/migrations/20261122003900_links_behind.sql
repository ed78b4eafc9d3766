-- Links that were last compared under an older version of the configuration.
create index links_behind on links (integration, levelled, id) where not detached;
