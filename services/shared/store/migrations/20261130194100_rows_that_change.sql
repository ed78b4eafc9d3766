-- What changes with nearly every event is written as it comes: JSON as text that was checked, instead
-- of taken apart on its way in and put together on its way out, and with room beside each row, so
-- that its next version lies on the same page and most indexes need not know.
alter table links
    alter column published type json using published::text::json,
    alter column fields type json using fields::text::json;
alter table links set (fillfactor = 70);
alter table incidents alter column authorship type json using authorship::text::json;
alter table incidents set (fillfactor = 70);
alter table desired alter column body type json using body::text::json;
alter table desired set (fillfactor = 70);
alter table outbox alter column body type json using body::text::json;

-- Where Postgres was built with it, the quicker way of packing long values.
do $$
begin
    alter table links alter column fields set compression lz4;
exception when feature_not_supported then
    null;
end
$$;

-- Programs of the version before ask for what is in there as if it were still taken apart.
create function jsonb_path_exists(json, jsonpath) returns boolean language sql immutable as
'select pg_catalog.jsonb_path_exists($1::jsonb, $2)';
create function jsonb_each(json, out key text, out value jsonb) returns setof record
language sql immutable as
'select key, value from pg_catalog.jsonb_each($1::jsonb)';
