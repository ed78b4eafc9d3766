-- What each link's external side should hold, newest version only: an outage collapses by itself.
-- The relay publishes where `published` lags behind `version`.
create table desired (
    link uuid primary key references links (id),
    subject text not null,
    version bigint not null,
    published bigint not null default 0,
    body jsonb not null,
    traceparent text
);

create index desired_waiting on desired (link) where published < version;
