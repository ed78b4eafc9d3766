//! Walking along chains of decisions, in order, and comparing them with their ends and their seals.

use std::collections::{BTreeMap, VecDeque};

use tandem_domain::{decision::Head, id::IncidentId};

use super::{Break, Report};
use crate::{decisions::Row, seals::Leaf};

/// What was sealed of each incident, shortest chain first, with the seal's number.
pub(super) type Sealed = BTreeMap<IncidentId, VecDeque<(u64, Leaf)>>;

pub(super) struct Chains<'a> {
    heads: BTreeMap<IncidentId, Head>,
    sealed: Sealed,
    walk: Option<Walk>,
    report: &'a mut Report,
}

/// The chain in hand: how far it leads, and whether it was found to be broken.
struct Walk {
    incident: IncidentId,
    head: Head,
    broken: bool,
}

impl<'a> Chains<'a> {
    /// Begins with the ends as incidents tell them, and with what was sealed of those incidents.
    pub(super) fn new(
        heads: BTreeMap<IncidentId, Head>,
        sealed: Sealed,
        report: &'a mut Report,
    ) -> Self {
        Self { heads, sealed, walk: None, report }
    }

    /// Takes the next decision, by incident and position, with the hash it was stored with.
    pub(super) fn see(&mut self, row: Row, hash: &str) {
        let incident = IncidentId::from_uuid(row.incident);
        let walk = match self.walk.take() {
            Some(walk) if walk.incident == incident => walk,
            other => {
                if let Some(walk) = other {
                    self.close(&walk);
                }
                Walk { incident, head: Head::default(), broken: false }
            }
        };
        self.walk = Some(self.step(walk, row, hash));
    }

    fn step(&mut self, mut walk: Walk, row: Row, hash: &str) -> Walk {
        self.report.decisions += 1;
        if walk.broken {
            return walk;
        }
        let (incident, expected) = (walk.incident, walk.head.length + 1);
        let (id, position) = (row.id, row.position.unsigned_abs());
        let decision = tandem_domain::id::DecisionId::from_uuid(id);
        let follows = row.previous == walk.head.hash;
        // What cannot be understood any more was not written so.
        let intact = row.decision().is_ok_and(|decision| decision.hash() == hash);
        let found = if position != expected {
            Some(Break::Missing { incident, expected, found: position })
        } else if !intact {
            Some(Break::Changed { incident, position, decision })
        } else if !follows {
            Some(Break::Unchained { incident, position, decision })
        } else {
            walk.head = Head { length: position, hash: hash.to_owned() };
            self.compare_sealed(&walk)
        };
        if let Some(found) = found {
            walk.broken = true;
            self.report.broken(found);
        }
        walk
    }

    fn compare_sealed(&mut self, walk: &Walk) -> Option<Break> {
        let sealed = self.sealed.get_mut(&walk.incident)?;
        while let Some((seal, leaf)) =
            sealed.front().filter(|it| it.1.head.length <= walk.head.length)
        {
            if leaf.head != walk.head {
                let position = leaf.head.length;
                return Some(Break::Unsealed { incident: walk.incident, seal: *seal, position });
            }
            sealed.pop_front();
        }
        None
    }

    fn close(&mut self, walk: &Walk) {
        let (head, sealed) =
            (self.heads.remove(&walk.incident), self.sealed.remove(&walk.incident));
        self.report.incidents += 1;
        if walk.broken {
            return;
        }
        let incident = walk.incident;
        let left = sealed.and_then(|mut sealed| sealed.pop_front());
        let found = match (head, left) {
            (None, _) => Break::Gone { incident },
            (Some(head), _) if head != walk.head => {
                Break::End { incident, expected: head.length, found: walk.head.length }
            }
            (_, Some((seal, leaf))) => {
                Break::Unsealed { incident, seal, position: leaf.head.length }
            }
            _ => return,
        };
        self.report.broken(found);
    }

    /// Ends the walk: what has an end, or was sealed, must have had decisions.
    pub(super) fn finish(mut self) {
        if let Some(walk) = self.walk.take() {
            self.close(&walk);
        }
        for (incident, head) in std::mem::take(&mut self.heads) {
            if head.length > 0 {
                self.sealed.remove(&incident);
                self.report.incidents += 1;
                self.report.broken(Break::End { incident, expected: head.length, found: 0 });
            }
        }
        for (incident, mut sealed) in std::mem::take(&mut self.sealed) {
            if let Some((seal, leaf)) = sealed.pop_front() {
                let position = leaf.head.length;
                self.report.broken(Break::Unsealed { incident, seal, position });
            }
        }
    }
}
