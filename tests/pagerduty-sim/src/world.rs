//! Owns the whole state of the simulated account, in memory, behind one lock.
//!
//! A change and the webhooks it causes are made under the same lock, so an event is queued exactly
//! when its change is visible to REST.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::account::Account;
use crate::incident::{Actor, Incident, LogEntry};
use crate::journal::Journal;
use crate::knobs::Knobs;
use crate::minter::Minter;
use crate::options::Options;
use crate::rest::limits::Windows;
use crate::timers::Timers;
use crate::webhooks::{Delivery, Subscription};

/// The whole state of the simulated account.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) options: Arc<Options>,
    pub(crate) minter: Minter,
    pub(crate) account: Account,
    pub(crate) knobs: Knobs,
    pub(crate) incidents: Incidents,
    pub(crate) log: Vec<Arc<LogEntry>>,
    pub(crate) subscriptions: Vec<Subscription>,
    /// Webhooks queued by the change in hand, not yet handed to their lanes.
    pub(crate) outbox: Vec<Delivery>,
    pub(crate) journal: Journal,
    pub(crate) windows: Windows,
    pub(crate) timers: Timers,
    pub(crate) revoked_tokens: HashSet<String>,
    /// The incidents that the call in hand has touched, while there is one.
    pub(crate) touched: Option<Vec<String>>,
}

impl World {
    /// An account in which nothing has happened yet.
    pub(crate) fn new(options: Arc<Options>) -> Self {
        Self {
            minter: Minter::new(options.seed),
            account: Account::northwind(),
            knobs: options.knobs.clone(),
            incidents: Incidents::starting_at(options.first_number),
            log: Vec::new(),
            subscriptions: Vec::new(),
            outbox: Vec::new(),
            journal: Journal::default(),
            windows: Windows::default(),
            timers: Timers::default(),
            revoked_tokens: HashSet::new(),
            touched: None,
            options,
        }
    }

    /// Does some work and tells which incidents it touched.
    pub(crate) fn watched<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> (T, Vec<String>) {
        self.touched = Some(Vec::new());
        let out = work(self);
        (out, self.touched.take().unwrap_or_default())
    }

    /// Marks an incident as touched.
    pub(crate) fn touch(&mut self, id: &str) {
        if let Some(touched) = self.touched.as_mut().filter(|it| !it.iter().any(|it| it == id)) {
            touched.push(id.to_owned());
        }
    }

    /// The earliest instant whose state a read may still show.
    pub(crate) fn read_horizon(&self, now: Timestamp) -> Timestamp {
        let lag = Duration::from_millis(self.knobs.behaviour.read_lag_ms);
        now.checked_sub(lag).unwrap_or(Timestamp::MIN)
    }

    /// Writes a line to the log of the account and of the incident.
    pub(crate) fn record(
        &mut self,
        id: &str,
        kind: &'static str,
        actor: &Actor,
        at: Timestamp,
        details: Value,
    ) {
        let entry_id = self.minter.log_entry_id();
        let position = self.log.len();
        let Some(incident) = self.incidents.get_mut(id) else { return };
        incident.log.push(position);
        let entry = LogEntry {
            id: entry_id,
            kind: kind.into(),
            at,
            agent: actor.agent.clone(),
            channel: actor.channel.into(),
            incident: incident.id.clone(),
            service: incident.service.clone(),
            summary: String::new(),
            details,
        };
        let summary = crate::shape::log::summary(self, &entry);
        self.log.push(Arc::new(LogEntry { summary, ..entry }));
    }
}

/// All incidents, by number, found by id or by key.
///
/// They are shared with the copies that are being saved; a change parts them.
#[derive(Debug, Default)]
pub(crate) struct Incidents {
    by_number: BTreeMap<u64, Arc<Incident>>,
    numbers: HashMap<String, u64>,
    keys: HashMap<String, Vec<u64>>,
    next_number: u64,
}

impl Incidents {
    fn starting_at(first: u64) -> Self {
        Self { next_number: first, ..Self::default() }
    }

    /// Takes up incidents that were saved, and the number of the next one.
    pub(crate) fn restored(next_number: u64, saved: Vec<Arc<Incident>>) -> Self {
        let mut incidents = Self::starting_at(next_number);
        for incident in saved {
            incidents.insert(incident);
        }
        incidents
    }

    /// What [`Incidents::restored`] takes.
    pub(crate) fn to_save(&self) -> (u64, Vec<Arc<Incident>>) {
        (self.next_number, self.by_number.values().cloned().collect())
    }

    /// Takes the next incident number.
    pub(crate) fn take_number(&mut self) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        number
    }

    pub(crate) fn insert(&mut self, incident: impl Into<Arc<Incident>>) {
        let incident = incident.into();
        self.numbers.insert(incident.id.clone(), incident.number);
        for key in incident.key.iter().chain(&incident.alert_key) {
            self.keys.entry(key.clone()).or_default().push(incident.number);
        }
        self.by_number.insert(incident.number, incident);
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Incident> {
        self.by_number.get(self.numbers.get(id)?).map(Arc::as_ref)
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut Incident> {
        self.by_number.get_mut(self.numbers.get(id)?).map(Arc::make_mut)
    }

    /// Finds an incident by id or by number.
    pub(crate) fn find(&self, id_or_number: &str) -> Option<&Incident> {
        let by_number = || self.by_number.get(&id_or_number.parse().ok()?).map(Arc::as_ref);
        self.get(id_or_number).or_else(by_number)
    }

    /// The incidents with this key, their own or their alert's, oldest first.
    pub(crate) fn with_key(&self, key: &str) -> impl Iterator<Item = &Incident> {
        let numbers = self.keys.get(key).map(Vec::as_slice).unwrap_or_default();
        numbers.iter().filter_map(|number| self.by_number.get(number)).map(Arc::as_ref)
    }

    /// All incidents, oldest first.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Incident> {
        self.by_number.values().map(Arc::as_ref)
    }

    pub(crate) fn len(&self) -> usize {
        self.by_number.len()
    }
}
