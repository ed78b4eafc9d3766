-- Messages decided together with the truth and not yet published: public events and acts. The
-- relay deletes what the broker has on disk.
create table outbox (
    id bigint generated always as identity primary key,
    subject text not null,
    message_id text not null,
    body jsonb not null,
    traceparent text
);
