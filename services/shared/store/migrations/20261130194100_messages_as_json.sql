-- Messages are kept as they will leave, and nobody looks into them here: as text that was checked,
-- and not taken apart on its way in and put together on its way out.
alter table desired alter column body type json using body::json;
alter table outbox alter column body type json using body::json;
