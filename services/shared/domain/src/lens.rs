//! Mapping one field between the two sides without losing detail.
//!
//! A lens has two directions: [`Lens::get`] shows a platform value as the external side would hold
//! it, [`Lens::put`] brings an external value back into a platform value. They obey
//! `put(p, get(p)) = p` (a high-urgency webhook never turns SEV-1 into SEV-2) and
//! `put(put(p, e), e) = put(p, e)` (what was taken agrees with what it was taken from). A table that
//! breaks them is refused by [`Lens::check`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::field::{Field, Unfit, Value};

/// A value as an external side holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Foreign {
    /// The value itself, an opaque id where the side uses references; `None` is empty.
    pub value: Value,
    /// What people call it, where the value is a reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

impl Foreign {
    /// A plain value.
    pub fn plain(value: impl Into<String>) -> Self {
        Self { value: Some(value.into()), label: None }
    }

    /// The empty value.
    pub const fn empty() -> Self {
        Self { value: None, label: None }
    }
}

/// How a field's values correspond.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "lens", rename_all = "snake_case")]
pub enum Lens {
    /// The same text on both sides.
    Same,
    /// Named values; several platform values may share one external value.
    Table {
        /// The correspondence. Of the rows that share an external value, the one marked `fresh`
        /// is what that value becomes where the platform holds none of them.
        rows: Vec<Row>,
    },
    /// A table over the first of two parts, `<first>+<second>`, in which a second part that has a
    /// row decides before the first: `high+P3` is what `P3` says. A first part that stands alone is
    /// written alone, and a second part without a row is left as it is.
    Ranked {
        /// The correspondence of the first part, as in [`Lens::Table`].
        rows: Vec<Row>,
        /// The correspondence of the second part; it has a row for every platform value.
        second: Vec<Row>,
    },
    /// Written when the record is created and never again; the external side does not show it.
    Once,
    /// A reference to something the external side keeps: the platform shows what a row says, else
    /// its label. Only what a row names is written back.
    Reference {
        /// Explicit counterparts: the platform's word for an external id.
        #[serde(default)]
        rows: Vec<Row>,
        /// People whom the platform calls by the address that they have there. What is explicit
        /// goes before.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        by_email: Vec<Row>,
    },
}

/// Which platform value each external value last stood for.
pub type Memory = BTreeMap<String, String>;

/// One line of a [`Lens::Table`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The platform's value.
    pub platform: String,
    /// The external value it is shown as.
    pub external: String,
    /// Whether the external value becomes this one on a fresh incident.
    #[serde(default)]
    pub fresh: bool,
}

/// A value that has no counterpart on the other side; a visible problem, never silently dropped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} has no partner in the mapping")]
pub struct NoPartner {
    /// The value in question.
    pub value: String,
}

/// Why a lens breaks the laws.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unlawful {
    /// A platform value is not one its field takes.
    #[error("the mapping holds a value its field does not take")]
    Unfit(#[source] Unfit),
    /// A platform value is shown in two ways.
    #[error("{value:?} is mapped twice")]
    Ambiguous {
        /// The platform value with two rows.
        value: String,
    },
    /// A platform value could not be written to a record that carries a second part.
    #[error("{value:?} has no row in the second part, or its first part holds a plus sign")]
    Unranked {
        /// The platform value.
        value: String,
    },
    /// An external value has no row, or several, marked fresh.
    #[error("exactly one row of {value:?} must be marked fresh, not {rows}")]
    Fresh {
        /// The external value.
        value: String,
        /// How many of its rows are marked.
        rows: usize,
    },
}

impl Lens {
    /// How the external side, which now holds `theirs`, would hold a platform value; `Ok(None)`
    /// where nothing can be written.
    pub fn get(
        &self,
        platform: Option<&str>,
        theirs: Option<&Foreign>,
    ) -> Result<Option<Value>, NoPartner> {
        match self {
            Self::Same => Ok(Some(platform.map(str::to_owned))),
            Self::Once => Ok(None),
            Self::Reference { rows, by_email } if rows.is_empty() && by_email.is_empty() => {
                Ok(None)
            }
            Self::Reference { rows, by_email } => match (platform, theirs) {
                (None, _) => Ok(None),
                (Some(name), Some(theirs)) if is_called(theirs, name) => {
                    Ok(Some(theirs.value.clone()))
                }
                (Some(name), _) => match counterpart(rows, by_email, name) {
                    Some(external) => Ok(Some(Some(external.to_owned()))),
                    None => Err(NoPartner { value: name.to_owned() }),
                },
            },
            Self::Table { rows } => Ok(Some(Some(shown(rows, platform)?.to_owned()))),
            Self::Ranked { rows, second } => {
                let first = shown(rows, platform)?;
                let held = theirs.and_then(|theirs| theirs.value.as_deref()).map(parts);
                let rank = match held {
                    Some((_, Some(held))) if has(second, held) => Some(shown(second, platform)?),
                    Some((_, held)) => held,
                    // A new record begins with both.
                    None => Some(shown(second, platform)?),
                };
                Ok(Some(Some(ranked(first, rank))))
            }
        }
    }

    /// Whether the two sides say the same.
    pub fn agree(&self, platform: Option<&str>, theirs: &Foreign) -> bool {
        self.bring(platform, theirs, &Memory::new()).is_ok_and(|taken| taken == platform)
    }

    /// Whether an external value has a partner on the platform.
    pub fn knows(&self, platform: Option<&str>, external: &Foreign, memory: &Memory) -> bool {
        self.bring(platform, external, memory).is_ok()
    }

    /// What is to be remembered of a platform value: for each external value that stands for
    /// several, which one it stood for last.
    pub fn remember(&self, platform: Option<&str>, memory: &mut Memory) {
        let (rows, second) = match self {
            Self::Table { rows } => (rows, None),
            Self::Ranked { rows, second } => (rows, Some(second)),
            Self::Same | Self::Once | Self::Reference { .. } => return,
        };
        for rows in std::iter::once(rows).chain(second) {
            let Ok(external) = shown(rows, platform) else { continue };
            let several = rows.iter().filter(|row| row.external == external).count() > 1;
            let value = platform.unwrap_or_default();
            if several && memory.get(external).is_none_or(|held| held != value) {
                memory.insert(external.to_owned(), value.to_owned());
            }
        }
    }

    /// What a platform value becomes when the external side holds `external`: itself where that
    /// says the same, else what the external value stood for last, else what it is on a fresh
    /// incident.
    pub fn put(
        &self,
        platform: Option<&str>,
        external: &Foreign,
        memory: &Memory,
    ) -> Result<Value, NoPartner> {
        let taken = self.bring(platform, external, memory);
        let partner = taken.map_err(|value| NoPartner { value: value.to_owned() })?;
        Ok(partner.map(str::to_owned))
    }

    /// The same as it lies there, since most often it is only compared; or what has no partner.
    fn bring<'a>(
        &'a self,
        platform: Option<&'a str>,
        external: &'a Foreign,
        memory: &Memory,
    ) -> Result<Option<&'a str>, &'a str> {
        match self {
            Self::Same => Ok(external.value.as_deref()),
            Self::Once => Ok(platform),
            Self::Reference { rows, by_email } => {
                // One and the same may go by several words.
                let same = |name: &&str| {
                    counterpart(rows, by_email, name) == external.value.as_deref()
                        || is_called(external, name)
                };
                if let Some(name) = platform.filter(same).filter(|_| external.value.is_some()) {
                    return Ok(Some(name));
                }
                let mut rows = rows.iter().chain(by_email);
                let mapped = rows.find(|row| Some(&row.external) == external.value.as_ref());
                let mapped = mapped.map(|row| &*row.platform);
                Ok(mapped.or(external.label.as_deref()).or(external.value.as_deref()))
            }
            Self::Table { rows } => {
                taken(rows, platform, external.value.as_deref(), memory).map(Some)
            }
            Self::Ranked { rows, second } => {
                let (first, rank) = parts(external.value.as_deref().unwrap_or_default());
                match rank {
                    Some(rank) if has(second, rank) => taken(second, platform, Some(rank), memory),
                    _ => taken(rows, platform, Some(first), memory),
                }
                .map(Some)
            }
        }
    }

    /// Whether two external values are the same to this lens; labels are only for reading.
    pub fn same(one: &Foreign, other: &Foreign) -> bool {
        one.value == other.value
    }

    /// Refuses a lens that breaks the laws for the values of `field`.
    pub fn check(&self, field: Field) -> Result<(), Unlawful> {
        match self {
            Self::Same | Self::Once => Ok(()),
            Self::Reference { rows, by_email } => {
                unambiguous(rows, field)?;
                unambiguous(by_email, field)
            }
            Self::Table { rows } => check(rows, field),
            Self::Ranked { rows, second } => {
                check(rows, field)?;
                check(second, field)?;
                let missing = rows.iter().find(|row| {
                    row.external.contains('+')
                        || !second.iter().any(|other| other.platform == row.platform)
                });
                missing
                    .map_or(Ok(()), |row| Err(Unlawful::Unranked { value: row.platform.clone() }))
            }
        }
    }
}

/// The two parts of a value of [`Lens::Ranked`].
pub fn parts(value: &str) -> (&str, Option<&str>) {
    value.split_once('+').map_or((value, None), |(first, second)| (first, Some(second)))
}

/// The value of [`Lens::Ranked`] with these parts.
pub fn ranked(first: &str, second: Option<&str>) -> String {
    second.map_or_else(|| first.to_owned(), |second| format!("{first}+{second}"))
}

/// Whether `seen` is all or the first part of `written`: a record that is created gets the second
/// part by a call of its own, and may be seen in between.
pub fn is_part(seen: &Value, written: &Value) -> bool {
    let first = written.as_deref().map(|written| parts(written).0);
    seen == written || (seen.is_some() && seen.as_deref() == first)
}

/// Whom the platform means by a name: what is explicit goes before what is known by address.
fn counterpart<'a>(rows: &'a [Row], by_email: &'a [Row], name: &str) -> Option<&'a str> {
    let row = rows.iter().chain(by_email).find(|row| row.platform == name);
    row.map(|row| row.external.as_str())
}

/// Whether people over there call it that.
fn is_called(external: &Foreign, name: &str) -> bool {
    external.label.as_deref() == Some(name)
}

fn has(rows: &[Row], external: &str) -> bool {
    rows.iter().any(|row| row.external == external)
}

fn shown<'a>(rows: &'a [Row], platform: Option<&str>) -> Result<&'a str, NoPartner> {
    let value = platform.unwrap_or_default();
    let row = rows.iter().find(|row| row.platform == value);
    row.map(|row| row.external.as_str()).ok_or_else(|| NoPartner { value: value.to_owned() })
}

fn taken<'a>(
    rows: &'a [Row],
    platform: Option<&str>,
    external: Option<&'a str>,
    memory: &Memory,
) -> Result<&'a str, &'a str> {
    let value = external.unwrap_or_default();
    let of_value = || rows.iter().filter(|row| row.external == value);
    of_value()
        .find(|row| Some(row.platform.as_str()) == platform)
        .or_else(|| of_value().find(|row| memory.get(value) == Some(&row.platform)))
        .or_else(|| of_value().find(|row| row.fresh))
        .map(|row| &*row.platform)
        .ok_or(value)
}

fn check(rows: &[Row], field: Field) -> Result<(), Unlawful> {
    unambiguous(rows, field)?;
    for row in rows {
        let fresh = rows.iter().filter(|other| other.external == row.external && other.fresh);
        match fresh.count() {
            1 => {}
            marked => return Err(Unlawful::Fresh { value: row.external.clone(), rows: marked }),
        }
    }
    Ok(())
}

fn unambiguous(rows: &[Row], field: Field) -> Result<(), Unlawful> {
    for row in rows {
        field.check(Some(&row.platform)).map_err(Unlawful::Unfit)?;
        if rows.iter().filter(|other| other.platform == row.platform).count() > 1 {
            return Err(Unlawful::Ambiguous { value: row.platform.clone() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::field::SEVERITIES;

    fn row(platform: &str, external: &str, fresh: bool) -> Row {
        Row { platform: platform.to_owned(), external: external.to_owned(), fresh }
    }

    #[test]
    fn unlawful_tables_are_refused_with_the_value_named() {
        let twice =
            Lens::Table { rows: vec![row("SEV-1", "high", true), row("SEV-1", "low", true)] };
        assert_eq!(
            twice.check(Field::Severity),
            Err(Unlawful::Ambiguous { value: "SEV-1".to_owned() })
        );
        let none_fresh = Lens::Table { rows: vec![row("SEV-1", "high", false)] };
        assert_eq!(
            none_fresh.check(Field::Severity),
            Err(Unlawful::Fresh { value: "high".to_owned(), rows: 0 })
        );
        let unfit = Lens::Table { rows: vec![row("SEV-7", "high", true)] };
        assert!(matches!(unfit.check(Field::Severity), Err(Unlawful::Unfit(_))));
    }

    #[test]
    fn a_value_without_a_partner_is_named() {
        let lens = Lens::Table { rows: vec![row("SEV-1", "high", true)] };
        assert_eq!(lens.get(Some("SEV-4"), None), Err(NoPartner { value: "SEV-4".to_owned() }));
        assert!(lens.put(Some("SEV-1"), &Foreign::plain("medium"), &Memory::new()).is_err());
    }

    /// Any table over the severities in which each external value has one fresh row.
    fn lawful() -> impl Strategy<Value = Lens> {
        prop::collection::vec(0_usize..3, SEVERITIES.len()).prop_map(|groups| {
            let names = ["high", "low", "none"];
            let rows = SEVERITIES.iter().zip(&groups).enumerate().map(|(at, (severity, group))| {
                let first = groups.iter().position(|other| other == group) == Some(at);
                row(severity, names[*group], first)
            });
            Lens::Table { rows: rows.collect() }
        })
    }

    fn people() -> Lens {
        Lens::Reference {
            rows: vec![row("dana", "U1", true)],
            by_email: vec![row("dana@acme.test", "U1", true), row("olu@acme.test", "U2", true)],
        }
    }

    fn user(id: &str, label: &str) -> Foreign {
        Foreign { value: Some(id.to_owned()), label: Some(label.to_owned()) }
    }

    #[test]
    fn people_are_known_by_an_explicit_row_then_by_address_then_by_name() {
        let (lens, memory) = (people(), Memory::new());
        let put = |platform, external: &Foreign| lens.put(platform, external, &memory).unwrap();
        assert_eq!(put(None, &user("U1", "Dana W.")).as_deref(), Some("dana"));
        assert_eq!(put(None, &user("U2", "Olu A.")).as_deref(), Some("olu@acme.test"));
        assert_eq!(put(None, &user("U3", "Kim")).as_deref(), Some("Kim"));
        // Whatever the platform calls them stays as it is.
        for name in ["dana", "dana@acme.test", "Dana W."] {
            assert_eq!(put(Some(name), &user("U1", "Dana W.")).as_deref(), Some(name));
            assert_eq!(put(Some(name), &user("U2", "Olu A.")).as_deref(), Some("olu@acme.test"));
        }
        assert_eq!(put(Some("dana"), &Foreign::empty()), None);
    }

    #[test]
    fn people_are_written_back_by_whatever_they_are_known_as() {
        let lens = people();
        let get = |name, theirs: Option<&Foreign>| lens.get(Some(name), theirs);
        for name in ["dana", "dana@acme.test"] {
            assert_eq!(get(name, None), Ok(Some(Some("U1".to_owned()))));
        }
        assert_eq!(get("Kim", Some(&user("U3", "Kim"))), Ok(Some(Some("U3".to_owned()))));
        let nobody = Err(NoPartner { value: "Kim".to_owned() });
        assert_eq!(get("Kim", Some(&user("U1", "Dana W."))), nobody);
        assert_eq!(lens.get(None, Some(&user("U1", "Dana W."))), Ok(None));
        assert_eq!(lens.check(Field::AssignedTo), Ok(()));
    }

    fn with_ranks() -> Lens {
        let rows = vec![
            row("SEV-1", "high", false),
            row("SEV-2", "high", true),
            row("SEV-3", "low", true),
            row("SEV-4", "low", false),
        ];
        let second = SEVERITIES.iter().zip(["P1", "P2", "P3", "P4"]);
        Lens::Ranked { rows, second: second.map(|(sev, rank)| row(sev, rank, true)).collect() }
    }

    proptest! {
        #[test]
        fn what_was_got_puts_back_unchanged(lens in lawful(), at in 0..SEVERITIES.len()) {
            prop_assert_eq!(lens.check(Field::Severity), Ok(()));
            let platform = SEVERITIES[at];
            let shown = Foreign { value: lens.get(Some(platform), None).unwrap().unwrap(), label: None };
            prop_assert_eq!(lens.put(Some(platform), &shown, &Memory::new()), Ok(Some(platform.to_owned())));
        }

        #[test]
        fn what_was_put_is_got_again(lens in lawful(), at in 0..SEVERITIES.len(), to in 0..SEVERITIES.len()) {
            let external = Foreign { value: lens.get(Some(SEVERITIES[to]), None).unwrap().unwrap(), label: None };
            let taken = lens.put(Some(SEVERITIES[at]), &external, &Memory::new()).unwrap();
            prop_assert!(lens.agree(taken.as_deref(), &external));
            prop_assert_eq!(lens.get(taken.as_deref(), Some(&external)), Ok(Some(external.value)));
        }

        #[test]
        fn a_second_part_decides_and_is_written_back_only_where_it_is_held(
            at in 0..SEVERITIES.len(), rank in 0..SEVERITIES.len() + 2, high in any::<bool>(),
        ) {
            let lens = with_ranks();
            prop_assert_eq!(lens.check(Field::Severity), Ok(()));
            let first = if high { "high" } else { "low" };
            let (ours, held) = (SEVERITIES[at], ["P1", "P2", "P3", "P4", "Urgent", ""][rank]);
            let theirs = match held {
                "" => Foreign::plain(first),
                held => Foreign::plain(format!("{first}+{held}")),
            };
            let taken = lens.put(Some(ours), &theirs, &Memory::new()).unwrap();
            if let Some(decided) = SEVERITIES.get(rank) {
                prop_assert_eq!(taken.as_deref(), Some(*decided));
            }
            prop_assert!(lens.agree(taken.as_deref(), &theirs));
            let written = lens.get(Some(ours), Some(&theirs)).unwrap().unwrap().unwrap();
            prop_assert!(lens.agree(Some(ours), &Foreign::plain(written.clone())));
            prop_assert_eq!(written.contains('+'), !held.is_empty());
        }
    }
}
