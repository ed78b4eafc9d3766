-- The few links whose last desired state has no receipt yet are looked for every second.
create index links_unconfirmed on links (id) where confirmed < version;
