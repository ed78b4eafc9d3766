//! The only subject strings. No input can forge a token or a wildcard: what is not already safe is
//! escaped by [`token`].

use tandem_domain::{
    feed::Happening,
    id::{Connector, IncidentId, IntegrationId, LinkId, Org},
};

/// Everything that happens, on its way to the reconciler.
pub const INBOUND: &str = "tandem.in.>";
/// Everything that is to become of the external sides.
pub const OUTBOUND: &str = "tandem.out.>";
/// The public feed.
pub const FEED: &str = "incidents.v1.>";
/// What could not be handled.
pub const DEAD_LETTERS: &str = "tandem.dlq.>";
/// The seats: who acts for an integration.
pub const SEATS: &str = "tandem.seat.>";

/// Where an integration's observations and receipts go; `record` is `-` for what concerns none.
pub fn observed(connector: &Connector, integration: IntegrationId, record: Option<&str>) -> String {
    let record = record.map_or_else(|| "-".to_owned(), token);
    format!("tandem.in.{connector}.{integration}.{record}")
}

/// Where platform edits of an incident go.
pub fn edited(org: &Org, incident: IncidentId) -> String {
    format!("tandem.in.platform.{org}.{incident}")
}

/// Where an outsider's edits of an incident are stored. They are published like ours, and the server
/// puts in whose account they came from: nobody else can publish here.
pub fn edited_outside(author: &str, org: &Org, incident: IncidentId) -> String {
    format!("tandem.in.outside.{}.{org}.{incident}", token(author))
}

/// What the subject of a platform edit says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EditSubject<'a> {
    /// The outsider whose edit it is; none where it is one of ours, which names its author.
    pub outsider: Option<&'a str>,
    /// The organisation.
    pub org: &'a str,
    /// The incident.
    pub incident: &'a str,
}

/// Reads the subject of a platform edit; nothing for any other subject.
pub fn edit_of(subject: &str) -> Option<EditSubject<'_>> {
    let mut tokens = subject.strip_prefix("tandem.in.")?.split('.');
    let outsider = match tokens.next()? {
        "platform" => None,
        "outside" => Some(tokens.next()?),
        _ => return None,
    };
    let read = EditSubject { outsider, org: tokens.next()?, incident: tokens.next()? };
    tokens.next().is_none().then_some(read)
}

/// Whether an edit's author may be answered there: outsiders hear what is said below their own name,
/// and nobody is to be spoken to in our name but those who wait for it.
pub fn is_answer_to(outsider: Option<&str>, subject: &str) -> bool {
    let below = match outsider {
        None => subject.strip_prefix("_INBOX."),
        Some(name) => subject
            .strip_prefix("tandem.answer.")
            .and_then(|rest| rest.strip_prefix(name))
            .and_then(|rest| rest.strip_prefix('.')),
    };
    let whole = |token: &str| !token.is_empty() && !token.contains(['*', '>', ' ', '\t']);
    below.is_some_and(|below| below.split('.').all(whole))
}

/// Where a link's desired state goes; a newer one replaces an older one that nobody took.
pub fn state(connector: &Connector, integration: IntegrationId, link: LinkId) -> String {
    format!("tandem.out.{connector}.{integration}.{link}.state")
}

/// Where a one-off act on a link's record goes.
pub fn act(connector: &Connector, integration: IntegrationId, link: LinkId, id: &str) -> String {
    format!("tandem.out.{connector}.{integration}.{link}.act.{}", token(id))
}

/// All desired states of an integration.
pub fn states_of(connector: &Connector, integration: IntegrationId) -> String {
    format!("tandem.out.{connector}.{integration}.*.state")
}

/// All acts of an integration.
pub fn acts_of(connector: &Connector, integration: IntegrationId) -> String {
    format!("tandem.out.{connector}.{integration}.*.act.*")
}

/// Where a job for an integration's egress goes that changes nothing over there.
pub fn task(connector: &Connector, integration: IntegrationId, link: LinkId, id: &str) -> String {
    format!("tandem.out.{connector}.{integration}.{link}.task.{}", token(id))
}

/// All tasks of an integration.
pub fn tasks_of(connector: &Connector, integration: IntegrationId) -> String {
    format!("tandem.out.{connector}.{integration}.*.task.*")
}

/// What the copies of an egress pull to learn which of them acts for an integration.
pub fn seat(connector: &Connector, integration: IntegrationId) -> String {
    format!("tandem.seat.{connector}.{integration}")
}

/// Where an integration's acting egress is asked; nothing is stored.
pub fn ask(connector: &Connector, integration: IntegrationId) -> String {
    format!("tandem.ask.{connector}.{integration}")
}

/// Where an integration's healer tells how far it has come, and learns how far that is known;
/// nothing is stored.
pub fn healing(connector: &Connector, integration: IntegrationId) -> String {
    format!("tandem.heal.{connector}.{integration}")
}

/// The healers of all integrations.
pub const HEALING: &str = "tandem.heal.*.*";

/// Where it is asked whether a piece of an integration's work was reported; nothing is stored.
pub fn reported(connector: &Connector, integration: IntegrationId) -> String {
    format!("tandem.reported.{connector}.{integration}")
}

/// Such questions about all integrations.
pub const REPORTED: &str = "tandem.reported.*.*";

/// Where a public event goes.
pub fn feed(org: &Org, incident: IncidentId, happening: Happening) -> String {
    format!("incidents.v1.{org}.{incident}.{}", happening.name())
}

/// All public events of an organisation.
pub fn feed_of(org: &Org) -> String {
    format!("incidents.v1.{org}.>")
}

/// Where an inbound message goes that could not be handled; `source` is an integration or `-`.
pub fn dead_in(source: Option<IntegrationId>) -> String {
    format!("tandem.dlq.in.{}", source.map_or_else(|| "-".to_owned(), |id| id.to_string()))
}

/// Where an outbound message goes that was refused for good.
pub fn dead_out(integration: IntegrationId) -> String {
    format!("tandem.dlq.out.{integration}")
}

/// One subject token out of any text: what is not a letter, digit, `-` or `_` becomes `=` and two
/// hexadecimal digits per byte, so different texts never meet.
pub fn token(text: &str) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => out.push(char::from(byte)),
            // Writing to a String cannot fail.
            _ => drop(write!(out, "={byte:02x}")),
        }
    }
    if out.is_empty() { "=".to_owned() } else { out }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn different_texts_are_different_tokens(one in ".{0,12}", other in ".{0,12}") {
            let tokens = (token(&one), token(&other));
            prop_assert_eq!(one == other, tokens.0 == tokens.1);
            prop_assert!(tokens.0.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_=".contains(&byte)));
        }

        #[test]
        fn no_subject_is_read_as_an_edit_that_it_is_not(
            subject in "tandem\\.in\\.(platform|outside|x)(\\.[a-z0-9_*>.]{0,6}){0,5}|.{0,40}",
        ) {
            let Some(read) = edit_of(&subject) else { return Ok(()) };
            let kind = read.outsider.map_or_else(|| "platform".to_owned(), |it| format!("outside.{it}"));
            let whole = format!("tandem.in.{kind}.{}.{}", read.org, read.incident);
            prop_assert_eq!(whole.as_str(), subject.as_str());
        }

        #[test]
        fn no_answer_leaves_the_name_it_is_for(name in "[a-z]{1,8}", subject in "[a-z.*> ]{0,40}") {
            let to = format!("tandem.answer.{subject}");
            if is_answer_to(Some(&name), &to) {
                let within = format!("tandem.answer.{name}.");
                prop_assert!(to.starts_with(&within) && !to.contains(['*', '>', ' ']));
            }
        }
    }

    #[test]
    fn no_text_can_forge_a_token_or_a_wildcard() {
        for text in ["", "a.b", "*", ">", "a b", "é", "=2e", "\r\nPUB x"] {
            let token = token(text);
            assert!(
                !token.is_empty() && !token.contains(['.', '*', '>', ' ', '\r', '\n']),
                "{text:?}"
            );
        }
        assert_ne!(token("=2e"), token("."));
        assert_eq!(token("Q1T7M4Z0KD82WB"), "Q1T7M4Z0KD82WB");
    }

    #[test]
    fn the_subject_of_an_edit_says_whose_it_is() {
        let id = "inc_00000000000000000000000000000001";
        let (org, incident) = ("acme".parse().unwrap(), id.parse().unwrap());
        let ours = edited(&org, incident);
        let read = EditSubject { outsider: None, org: "acme", incident: id };
        assert_eq!(edit_of(&ours), Some(read));
        let theirs = edited_outside("chat", &org, incident);
        assert_eq!(edit_of(&theirs), Some(EditSubject { outsider: Some("chat"), ..read }));
        let observed = format!("tandem.in.far.acme.{id}");
        for other in [&observed, &format!("{ours}.x"), &format!("{theirs}.x"), "tandem.in.outside"]
        {
            assert_eq!(edit_of(other), None, "{other}");
        }
    }

    #[test]
    fn an_answer_goes_to_whoever_asked_and_to_nobody_else() {
        assert!(is_answer_to(None, "_INBOX.tandem-admin.x"));
        assert!(is_answer_to(Some("chat"), "tandem.answer.chat.x.y"));
        for other in [
            "_INBOX.tandem-admin.x",
            "tandem.answer.chat",
            "tandem.answer.chat.",
            "tandem.answer.chat.>",
            "tandem.answer.chat.a b",
            "tandem.answer.chatter.x",
            "tandem.in.platform.acme.inc_1",
        ] {
            assert!(!is_answer_to(Some("chat"), other), "{other}");
        }
        assert!(!is_answer_to(None, "tandem.answer.chat.x") && !is_answer_to(None, "_INBOX.>"));
    }
}
