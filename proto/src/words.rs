//! How the contract's enums read outside protobuf: the words of the command line, of JSON and of messages.
//!
//! Each enum has one table; reading ignores case and takes `_` for `-`, writing gives exactly the table's word. The
//! unspecified value has no word.

use crate::v1::{
    ConflictReason, ConflictStanding, ConflictStrategy, ConflictTake, DeadLetterDirection,
    DeadLetterKind, DeadLetterState, Direction, FieldMappingKind, LinkState, PartnerKind,
    PersonMatch, PlanLineKind, PlanLineState, PlanState, Role, Sending, ServiceMatch, Severity,
    Side, Status, SyncState, Verdict,
};

/// A closed set of values that people read and write as words.
pub trait Word: Copy + PartialEq + Sized + 'static {
    /// Every value and its word, in the order in which they are offered.
    const WORDS: &'static [(Self, &'static str)];

    /// The word of this value; `None` for the unspecified one.
    fn word(self) -> Option<&'static str> {
        Self::WORDS.iter().find(|(value, _)| *value == self).map(|(_, word)| *word)
    }

    /// The value of this word.
    fn from_word(word: &str) -> Option<Self> {
        let word = word.replace('_', "-");
        Self::WORDS
            .iter()
            .find(|(_, known)| known.eq_ignore_ascii_case(&word))
            .map(|(value, _)| *value)
    }

    /// All words, as an error message lists them.
    fn choices() -> String {
        let words: Vec<&str> = Self::WORDS.iter().map(|(_, word)| *word).collect();
        words.join(", ")
    }
}

/// The words of the enum that the contract calls by this name; none where it has no such enum.
pub fn of(name: &str) -> Option<Vec<&'static str>> {
    Some(match name {
        "ConflictReason" => all::<ConflictReason>(),
        "ConflictStanding" => all::<ConflictStanding>(),
        "ConflictStrategy" => all::<ConflictStrategy>(),
        "ConflictTake" => all::<ConflictTake>(),
        "DeadLetterDirection" => all::<DeadLetterDirection>(),
        "DeadLetterKind" => all::<DeadLetterKind>(),
        "DeadLetterState" => all::<DeadLetterState>(),
        "Direction" => all::<Direction>(),
        "FieldMappingKind" => all::<FieldMappingKind>(),
        "LinkState" => all::<LinkState>(),
        "PartnerKind" => all::<PartnerKind>(),
        "PersonMatch" => all::<PersonMatch>(),
        "PlanLineKind" => all::<PlanLineKind>(),
        "PlanLineState" => all::<PlanLineState>(),
        "PlanState" => all::<PlanState>(),
        "Role" => all::<Role>(),
        "Sending" => all::<Sending>(),
        "ServiceMatch" => all::<ServiceMatch>(),
        "Severity" => all::<Severity>(),
        "Side" => all::<Side>(),
        "Status" => all::<Status>(),
        "SyncState" => all::<SyncState>(),
        "Verdict" => all::<Verdict>(),
        _ => return None,
    })
}

fn all<W: Word>() -> Vec<&'static str> {
    W::WORDS.iter().map(|(_, word)| *word).collect()
}

impl Word for Direction {
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::Inbound, "inbound"),
        (Self::Outbound, "outbound"),
        (Self::Bidirectional, "bidirectional"),
    ];
}

impl Word for ConflictStrategy {
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::LastWriteWins, "last-write-wins"),
        (Self::OwnershipPriority, "ownership-priority"),
        (Self::ManualReview, "manual-review"),
    ];
}

impl Word for Severity {
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::Sev1, "SEV-1"),
        (Self::Sev2, "SEV-2"),
        (Self::Sev3, "SEV-3"),
        (Self::Sev4, "SEV-4"),
    ];
}

impl Word for Status {
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::Open, "open"),
        (Self::Mitigated, "mitigated"),
        (Self::Resolved, "resolved"),
        (Self::Closed, "closed"),
    ];
}

impl Word for Side {
    const WORDS: &'static [(Self, &'static str)] =
        &[(Self::Platform, "platform"), (Self::External, "external")];
}

impl Word for Role {
    const WORDS: &'static [(Self, &'static str)] =
        &[(Self::Viewer, "viewer"), (Self::Operator, "operator"), (Self::Admin, "admin")];
}

impl Word for DeadLetterDirection {
    const WORDS: &'static [(Self, &'static str)] = &[(Self::In, "in"), (Self::Out, "out")];
}

impl Word for DeadLetterState {
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::Open, "open"),
        (Self::Replayed, "replayed"),
        (Self::Superseded, "superseded"),
        (Self::Discarded, "discarded"),
    ];
}

impl Word for DeadLetterKind {
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::Event, "event"),
        (Self::State, "state"),
        (Self::Act, "act"),
        (Self::Unreadable, "unreadable"),
    ];
}

impl Word for LinkState {
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::InStep, "in-step"),
        (Self::Writing, "writing"),
        (Self::InDoubt, "in-doubt"),
        (Self::Conflict, "conflict"),
        (Self::Problem, "problem"),
        (Self::Unlinked, "unlinked"),
    ];
}

impl Word for ConflictReason {
    const WORDS: &'static [(Self, &'static str)] =
        &[(Self::BothMoved, "both-moved"), (Self::Flapping, "flapping")];
}

impl Word for ConflictStanding {
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::Open, "open"),
        (Self::Resolved, "resolved"),
        (Self::Agreed, "agreed"),
        (Self::Moot, "moot"),
    ];
}

impl Word for ConflictTake {
    const WORDS: &'static [(Self, &'static str)] =
        &[(Self::Platform, "platform"), (Self::External, "external"), (Self::Value, "value")];
}

impl Word for FieldMappingKind {
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::Same, "same"),
        (Self::Table, "table"),
        (Self::Priorities, "priorities"),
        (Self::Once, "once"),
        (Self::Reference, "reference"),
    ];
}

impl Word for PersonMatch {
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::Mapped, "mapped"),
        (Self::Email, "email"),
        (Self::Name, "name"),
        (Self::Unknown, "unknown"),
    ];
}

impl Word for ServiceMatch {
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::Mapped, "mapped"),
        (Self::Suggested, "suggested"),
        (Self::Unmapped, "unmapped"),
        (Self::Missing, "missing"),
    ];
}

impl Word for PlanState {
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::Planned, "planned"),
        (Self::Applying, "applying"),
        (Self::Applied, "applied"),
        (Self::Failed, "failed"),
        (Self::Stale, "stale"),
    ];
}

impl Word for PlanLineKind {
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::Link, "link"),
        (Self::Update, "update"),
        (Self::CreateHere, "create-here"),
        (Self::CreateThere, "create-there"),
    ];
}

impl Word for PlanLineState {
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::Planned, "planned"),
        (Self::Sent, "sent"),
        (Self::Done, "done"),
        (Self::Moved, "moved"),
        (Self::Failed, "failed"),
    ];
}

impl Word for PartnerKind {
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::Value, "value"),
        (Self::Service, "service"),
        (Self::IncidentType, "incident-type"),
        (Self::User, "user"),
        (Self::Person, "person"),
    ];
}

impl Word for SyncState {
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::Running, "running"),
        (Self::Disabled, "disabled"),
        (Self::Paused, "paused"),
        (Self::Throttled, "throttled"),
        (Self::Failing, "failing"),
        (Self::Unanswered, "unanswered"),
        (Self::InboundOnly, "inbound-only"),
    ];
}

impl Word for Sending {
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::On, "on"),
        (Self::Partly, "partly"),
        (Self::Off, "off"),
        (Self::Missing, "missing"),
        (Self::Unknown, "unknown"),
    ];
}

impl Word for Verdict {
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::Ok, "ok"),
        (Self::Warning, "warning"),
        (Self::Failed, "failed"),
        (Self::Skipped, "skipped"),
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_word_reads_back<W: Word + std::fmt::Debug>(unspecified: W) {
        for (value, word) in W::WORDS {
            assert_eq!(W::from_word(word), Some(*value));
            assert_eq!(value.word(), Some(*word));
        }
        assert_eq!(unspecified.word(), None);
    }

    #[test]
    fn words_read_back_as_the_value_they_were_written_from() {
        every_word_reads_back(Direction::Unspecified);
        every_word_reads_back(ConflictStrategy::Unspecified);
        every_word_reads_back(Severity::Unspecified);
        every_word_reads_back(Status::Unspecified);
        every_word_reads_back(Side::Unspecified);
        every_word_reads_back(Role::Unspecified);
        every_word_reads_back(DeadLetterDirection::Unspecified);
        every_word_reads_back(DeadLetterState::Unspecified);
        every_word_reads_back(DeadLetterKind::Unspecified);
        every_word_reads_back(LinkState::Unspecified);
        every_word_reads_back(ConflictReason::Unspecified);
        every_word_reads_back(ConflictStanding::Unspecified);
        every_word_reads_back(ConflictTake::Unspecified);
        every_word_reads_back(FieldMappingKind::Unspecified);
        every_word_reads_back(PersonMatch::Unspecified);
        every_word_reads_back(ServiceMatch::Unspecified);
        every_word_reads_back(PlanState::Unspecified);
        every_word_reads_back(PlanLineKind::Unspecified);
        every_word_reads_back(PlanLineState::Unspecified);
        every_word_reads_back(PartnerKind::Unspecified);
        every_word_reads_back(SyncState::Unspecified);
        every_word_reads_back(Sending::Unspecified);
        every_word_reads_back(Verdict::Unspecified);
    }

    #[test]
    fn case_and_underscores_do_not_matter_when_reading() {
        assert_eq!(Severity::from_word("sev_2"), Some(Severity::Sev2));
        assert_eq!(
            ConflictStrategy::from_word("LAST_WRITE_WINS"),
            Some(ConflictStrategy::LastWriteWins)
        );
        assert_eq!(Severity::from_word("sev2"), None);
    }
}
