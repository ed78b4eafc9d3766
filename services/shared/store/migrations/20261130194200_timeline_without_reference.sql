-- Incidents are never taken out, and nearly every event adds a line: looking its incident up again for
-- each costs as much as the line. Decisions have been without for the same reason.
alter table timeline drop constraint timeline_incident_fkey;
