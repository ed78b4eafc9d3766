-- How far each integration's clock is from ours: between `lo` and `hi` microseconds, as it was at
-- `at`. A measurement: losing one costs nothing but the next one.
create table clocks (
    integration uuid primary key references integrations (id),
    lo bigint not null,
    hi bigint not null,
    at timestamptz not null
);
