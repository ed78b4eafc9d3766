//! Owns the reading of incidents: the list with its filters, and one by id or number.
//!
//! Without a range the list shows the past month, by `created_at`; a span never exceeds six months.

use std::cmp::Ordering;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::query::Page;
use super::{Answer, Asked, Query};
use crate::incident::{Incident, Status, Urgency};
use crate::refusal::Refusal;
use crate::shape::rest;
use crate::world::World;

const DAY_H: i64 = 24;
pub(super) fn one(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    let incident = asked.incident(world)?;
    let include = asked.query.include();
    Ok(Answer::ok(json!({ "incident": rest::incident(world, incident, &include) })))
}

/// Alerts are not simulated: no incident has any.
pub(super) fn alerts(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    asked.incident(world)?;
    let none: [(); 0] = [];
    Ok(Answer::ok(Page::read(&asked.query)?.cut("alerts", &none, |()| json!(null))))
}

pub(super) fn list(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    let page = Page::read(&asked.query)?;
    let filter = Filter::read(world, &asked.query, asked.now)?;
    let seen = |incident| asked.view.of(incident);
    let mut found: Vec<&Incident> = match asked.query.get("incident_key") {
        Some(key) => world.incidents.with_key(key).filter_map(seen).collect(),
        None => world.incidents.iter().filter_map(seen).collect(),
    };
    found.retain(|incident| filter.admits(incident));
    sort(&mut found, asked.query.get("sort_by").unwrap_or("created_at:asc"))?;
    let include = asked.query.include();
    Ok(Answer::ok(page.cut("incidents", &found, |it| rest::incident(world, it, &include))))
}

struct Filter<'q> {
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    statuses: Vec<Status>,
    urgencies: Vec<Urgency>,
    services: Vec<&'q str>,
    teams: Vec<&'q str>,
    users: Vec<&'q str>,
}

impl<'q> Filter<'q> {
    fn read(world: &World, query: &'q Query, now: Timestamp) -> Result<Self, Refusal> {
        let statuses = query.all("statuses[]").into_iter().map(Status::parse);
        let bad_status = "Status must be a list of triggered, acknowledged, or resolved.";
        let statuses: Option<Vec<_>> = statuses.collect();
        let urgencies = query.all("urgencies[]").into_iter().map(Urgency::parse);
        let urgencies: Option<Vec<_>> = urgencies.collect();
        let (since, until) = match query.get("date_range") {
            Some("all") => (None, None),
            _ => span(&Reader::new(world, query)?, now)?,
        };
        Ok(Self {
            since,
            until,
            statuses: statuses.ok_or_else(|| Refusal::invalid(bad_status))?,
            urgencies: urgencies
                .ok_or_else(|| Refusal::invalid("Urgencies must be a list of high or low."))?,
            services: query.all("service_ids[]"),
            teams: query.all("team_ids[]"),
            users: query.all("user_ids[]"),
        })
    }

    fn admits(&self, incident: &Incident) -> bool {
        fn within<T: PartialEq>(wanted: &[T], is: &T) -> bool {
            wanted.is_empty() || wanted.contains(is)
        }
        let of_team = || incident.teams.iter().any(|id| self.teams.contains(&id.as_str()));
        // The user filter only ever finds open incidents: resolved ones are assigned to nobody.
        let of_user = || incident.assignees().any(|id| self.users.contains(&id));
        self.since.is_none_or(|since| incident.created_at >= since)
            && self.until.is_none_or(|until| incident.created_at < until)
            && within(&self.statuses, &incident.status)
            && within(&self.urgencies, &incident.urgency)
            && within(&self.services, &incident.service.as_str())
            && (self.teams.is_empty() || of_team())
            && (self.users.is_empty() || of_user())
    }
}

type Range = (Option<Timestamp>, Option<Timestamp>);

fn span(reader: &Reader<'_>, now: Timestamp) -> Result<Range, Refusal> {
    let before = |at: Timestamp, days: i64| {
        at.checked_sub(SignedDuration::from_hours(days * DAY_H)).map_err(|_| bad_range())
    };
    let (since, until) = (reader.read("since")?, reader.read("until")?);
    let since = match since {
        Some(since) => since,
        None => before(until.unwrap_or(now), 30)?,
    };
    let end = until.unwrap_or(now);
    if since > end || end.duration_since(since) > SignedDuration::from_hours(186 * DAY_H) {
        return Err(bad_range());
    }
    Ok((Some(since), until))
}

pub(super) fn bad_range() -> Refusal {
    Refusal::invalid("Invalid date range.")
}

/// Reads the instants of a query; one without an offset is in `time_zone`, or else in the account's zone.
pub(super) struct Reader<'q> {
    query: &'q Query,
    zone: TimeZone,
    by_day: bool,
}

impl<'q> Reader<'q> {
    pub(super) fn new(world: &World, query: &'q Query) -> Result<Self, Refusal> {
        let behaviour = &world.knobs.behaviour;
        let name = query.get("time_zone").unwrap_or(&behaviour.account_time_zone);
        let zone = match name {
            "UTC" | "Etc/UTC" => TimeZone::UTC,
            name => TimeZone::get(name).map_err(|_| Refusal::invalid("Time zone is invalid."))?,
        };
        Ok(Self { query, zone, by_day: behaviour.day_granularity })
    }

    pub(super) fn read(&self, name: &str) -> Result<Option<Timestamp>, Refusal> {
        let text = self.query.get(name);
        text.map(|text| self.instant(text).ok_or_else(bad_range)).transpose()
    }

    fn instant(&self, text: &str) -> Option<Timestamp> {
        let text = text.trim();
        let exact = text.parse::<Timestamp>().ok().or_else(|| {
            let local = text.parse::<DateTime>().ok()?;
            self.zone.to_timestamp(local).ok()
        })?;
        if !self.by_day {
            return Some(exact);
        }
        let midnight = exact.to_zoned(self.zone.clone()).start_of_day().ok()?;
        Some(midnight.timestamp())
    }
}

fn sort(found: &mut [&Incident], by: &str) -> Result<(), Refusal> {
    let keys: Vec<_> =
        by.split(',').map(|key| key.split_once(':').unwrap_or((key, "asc"))).collect();
    if keys.len() > 2 {
        return Err(Refusal::invalid("At most two sort keys."));
    }
    // The sort is stable: the last key first.
    for (key, order) in keys.into_iter().rev() {
        let compare: fn(&Incident, &Incident) -> Ordering = match key {
            "incident_number" => |a, b| a.number.cmp(&b.number),
            "created_at" => |a, b| (a.created_at, a.number).cmp(&(b.created_at, b.number)),
            "resolved_at" => |a, b| a.resolved_at.cmp(&b.resolved_at),
            // High comes before low.
            "urgency" => |a, b| (a.urgency == Urgency::Low).cmp(&(b.urgency == Urgency::Low)),
            _ => return Err(Refusal::invalid("Unknown sort key.")),
        };
        match order {
            "desc" => found.sort_by(|a, b| compare(b, a)),
            _ => found.sort_by(|a, b| compare(a, b)),
        }
    }
    Ok(())
}
