//! The words of the table: what happens in PagerDuty, what the platform shows, what an edit costs.

/// What PagerDuty tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// By an event of this type.
    As(&'static str),
    /// By an event of a type that did not exist when Tandem was written.
    AsUnknown(&'static str),
    /// By no event of its own: it shows in the next one.
    Later(&'static str),
}

/// What is to be seen on the platform.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shows {
    /// A field's new value.
    Field(&'static str, &'static str),
    /// A line on the timeline.
    Line(&'static str),
    /// A note.
    Note(&'static str),
}

/// What happens in PagerDuty.
#[derive(Debug, Clone, Copy)]
pub(super) enum Does {
    /// People act, one after the other, on the incident at hand.
    Act(&'static [&'static str]),
    /// Another incident is merged into the one at hand.
    Merge,
    /// An administrator changes a service.
    Service,
    /// A body as one of the examples, under this row's type and with other members in its `data`.
    Post {
        /// The type of the example.
        like: &'static str,
        /// Whether it is about the incident at hand, or about the example's own.
        here: bool,
        /// The members that differ: where, and their JSON.
        with: &'static [(&'static str, &'static str)],
    },
}

/// Something that happens in PagerDuty, and all that comes of it on the platform.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case {
    pub(super) does: Does,
    /// Nothing means that it is only on record.
    pub(super) shows: &'static [Shows],
}

/// An edit on the platform, and the one call that comes of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edit {
    /// What people do in PagerDuty before it.
    pub(super) first: &'static [&'static str],
    /// `im …`, with `{id}` for the incident at hand.
    pub(super) words: &'static [&'static str],
    /// None where there is nothing to tell.
    pub(super) call: Option<Call>,
}

/// A call that changes something over there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    /// Its method and path, with `{id}` for the record at hand.
    pub(super) request: &'static str,
    /// All members it writes; an empty value stands for any.
    pub(super) writes: &'static [(&'static str, &'static str)],
}

/// One row of the documentation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) told: Told,
    pub(super) cases: &'static [Case],
    pub(super) edits: &'static [Edit],
}

/// People act, and that shows.
pub(super) const fn act(acts: &'static [&'static str], shows: &'static [Shows]) -> Case {
    Case { does: Does::Act(acts), shows }
}

/// An edit that costs a call.
pub(super) const fn edit(words: &'static [&'static str], call: Call) -> Edit {
    Edit { first: &[], words, call: Some(call) }
}

/// A change of the record.
pub(super) const fn put(writes: &'static [(&'static str, &'static str)]) -> Call {
    Call { request: "PUT /incidents/{id}", writes }
}

/// A note on the record.
pub(super) const fn note(writes: &'static [(&'static str, &'static str)]) -> Call {
    Call { request: "POST /incidents/{id}/notes", writes }
}

/// A row that no edit on the platform brings about.
pub(super) const fn inbound(event: &'static str, cases: &'static [Case]) -> Row {
    Row { told: Told::As(event), cases, edits: &[] }
}
