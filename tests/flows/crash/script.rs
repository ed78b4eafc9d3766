//! What a play is made of: steps on both sides, and the moments at which services die.
//!
//! Both follow from a seed alone. Each member of a record is edited by one side only, so the end of a
//! play does not depend on who was faster.

use crate::dice::Dice;

/// One thing that somebody does. Alarms begin in PagerDuty, the others on the platform; both are
/// counted from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// PagerDuty: an alarm.
    Alarm { title: String },
    /// PagerDuty: an alarm's status.
    There { alarm: usize, action: &'static str },
    /// PagerDuty: an alarm is handed to somebody.
    Hand { alarm: usize, to: &'static str },
    /// PagerDuty: a note on an alarm.
    TheirNote { alarm: usize, text: String },
    /// Platform: an alarm's title.
    Rename { alarm: usize, title: String },
    /// Platform: a note on an alarm.
    OurNote { alarm: usize, text: String },
    /// Platform: an incident.
    Create { title: String, severity: &'static str },
    /// Platform: the status of an incident that began there.
    Status { made: usize, status: &'static str },
    /// Platform: the severity of an incident that began there.
    Severity { made: usize, severity: &'static str },
}

const PEOPLE: [&str; 3] = ["PD4N4QK", "PT0M4S1", "PN00RH4"];
const SEVERITIES: [&str; 4] = ["SEV-1", "SEV-2", "SEV-3", "SEV-4"];
const STATUSES: [&str; 3] = ["mitigated", "resolved", "open"];

/// The steps of a play.
pub(super) fn steps(seed: u64, count: usize) -> Vec<Step> {
    let (mut dice, mut alarms, mut created) = (Dice::of(seed), 0, 0);
    let mut next = |step: usize| {
        let kind = if step == 0 { 0 } else { dice.roll(12) };
        let (alarm, made) = (dice.roll(alarms.max(1)), dice.roll(created.max(1)));
        match kind {
            0 | 1 => {
                alarms += 1;
                Step::Alarm { title: format!("alarm {step}") }
            }
            2 => Step::There { alarm, action: dice.pick(&["acknowledge", "resolve", "reopen"]) },
            3 => Step::There { alarm, action: "acknowledge" },
            4 => Step::Hand { alarm, to: dice.pick(&PEOPLE) },
            5 => Step::TheirNote { alarm, text: format!("from there {step}") },
            6 | 7 => Step::Rename { alarm, title: format!("renamed {step}") },
            8 => Step::OurNote { alarm, text: format!("from here {step}") },
            9 if created > 0 => Step::Severity { made, severity: dice.pick(&SEVERITIES) },
            10 if created > 0 => Step::Status { made, status: dice.pick(&STATUSES) },
            _ => {
                created += 1;
                let severity = dice.pick(&SEVERITIES);
                Step::Create { title: format!("created {step}"), severity }
            }
        }
    };
    (0..count).map(&mut next).collect()
}

/// A service that dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Victim {
    Ingress,
    Reconciler,
    Egress,
    Admin,
}

/// When a service dies, if it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Crash {
    Not,
    /// Before a step, to come back after it.
    Through(Victim),
    /// So many milliseconds after a step, to come back at once.
    After(Victim, u64),
}

/// The moments that go with the steps of a play, one each.
pub(super) fn crashes(seed: u64, count: usize) -> Vec<Crash> {
    let mut dice = Dice::of(!seed);
    let mut next = || {
        if dice.roll(5) > 1 {
            return Crash::Not;
        }
        let services = [Victim::Ingress, Victim::Reconciler, Victim::Egress, Victim::Admin];
        match dice.pick(&services) {
            // Nobody else takes the platform's edits.
            victim if victim != Victim::Admin && dice.roll(2) == 0 => Crash::Through(victim),
            victim => Crash::After(victim, dice.roll(150) as u64),
        }
    };
    std::iter::repeat_with(&mut next).take(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_play_and_another_seed_another() {
        assert_eq!(steps(1, 50), steps(1, 50));
        assert_ne!(steps(1, 50), steps(2, 50));
        assert_eq!(crashes(1, 50), crashes(1, 50));
    }

    #[test]
    fn every_service_dies_in_either_way_in_the_long_run() {
        let crashes = crashes(7, 500);
        for victim in [Victim::Ingress, Victim::Reconciler, Victim::Egress, Victim::Admin] {
            assert!(crashes.iter().any(|it| matches!(it, Crash::After(who, _) if *who == victim)));
            let through = crashes.contains(&Crash::Through(victim));
            assert_eq!(through, victim != Victim::Admin);
        }
    }
}
