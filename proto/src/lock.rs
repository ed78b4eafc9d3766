//! The contract as lines of text, one for each thing that clients rely on, to be compared with those
//! that were released: `contract.lock` beside this crate's manifest.
//!
//! A line that is gone, or that reads otherwise, breaks somebody. What is new is added to the lock by
//! `cargo run -p tandem-proto --example lock`, which takes nothing out.

use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet,
    field_descriptor_proto::{Label, Type},
};

use crate::FILE_DESCRIPTOR_SET;

/// What the lock holds and the contract does not, and the other way round.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    /// What was released and is gone, or reads otherwise now.
    pub broken: Vec<String>,
    /// What is new.
    pub added: Vec<String>,
}

/// Every message, field, enum, value and call of `tandem.v1`, sorted.
pub fn contract() -> Vec<String> {
    let Ok(set) = <FileDescriptorSet as prost::Message>::decode(FILE_DESCRIPTOR_SET) else {
        return Vec::new();
    };
    let mut lines = Vec::new();
    for file in set.file.iter().filter(|file| file.package() == "tandem.v1") {
        let package = file.package();
        file.message_type.iter().for_each(|it| message(package, it, &mut lines));
        file.enum_type.iter().for_each(|it| values(package, it, &mut lines));
        for service in &file.service {
            for call in &service.method {
                let stream = |streams: bool| if streams { "stream " } else { "" };
                lines.push(format!(
                    "call {package}.{}/{}: {}{} -> {}{}",
                    service.name(),
                    call.name(),
                    stream(call.client_streaming()),
                    call.input_type(),
                    stream(call.server_streaming()),
                    call.output_type(),
                ));
            }
        }
    }
    lines.sort();
    lines
}

/// How the contract differs from the lines of a lock.
pub fn compare(lock: &str, contract: &[String]) -> Difference {
    let released: Vec<&str> = lock.lines().filter(|line| !line.is_empty()).collect();
    let gone = released.iter().filter(|line| !contract.iter().any(|held| held == **line));
    let new = contract.iter().filter(|line| !released.contains(&line.as_str()));
    Difference {
        broken: gone.map(|line| (*line).to_owned()).collect(),
        added: new.cloned().collect(),
    }
}

fn message(within: &str, from: &DescriptorProto, lines: &mut Vec<String>) {
    let name = format!("{within}.{}", from.name());
    lines.push(format!("message {name}"));
    from.field.iter().for_each(|it| lines.push(field(&name, from, it)));
    from.nested_type.iter().for_each(|it| message(&name, it, lines));
    from.enum_type.iter().for_each(|it| values(&name, it, lines));
}

fn field(of: &str, message: &DescriptorProto, from: &FieldDescriptorProto) -> String {
    let kind = match from.r#type() {
        Type::Message | Type::Enum | Type::Group => from.type_name().to_owned(),
        plain => format!("{plain:?}").to_lowercase(),
    };
    let one_of = from.oneof_index.and_then(|index| {
        message.oneof_decl.get(usize::try_from(index).ok()?).map(|it| it.name().to_owned())
    });
    let form = match (from.label(), from.proto3_optional(), one_of) {
        (Label::Repeated, ..) => "repeated ".to_owned(),
        (_, true, _) => "optional ".to_owned(),
        (_, _, Some(one_of)) => format!("one of {one_of}: "),
        _ => String::new(),
    };
    format!("field {of}.{} = {}: {form}{kind}", from.name(), from.number())
}

fn values(within: &str, from: &EnumDescriptorProto, lines: &mut Vec<String>) {
    let name = format!("{within}.{}", from.name());
    lines.push(format!("enum {name}"));
    let value = |it: &prost_types::EnumValueDescriptorProto| {
        format!("value {name}.{} = {}", it.name(), it.number())
    };
    lines.extend(from.value.iter().map(value));
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = include_str!("../contract.lock");

    #[test]
    fn nothing_that_was_released_is_gone_or_reads_otherwise() {
        let Difference { broken, added } = compare(LOCK, &contract());
        assert_eq!(
            broken,
            Vec::<String>::new(),
            "this breaks clients: add a new field, value or call, and leave the old one as it is"
        );
        assert_eq!(
            added,
            Vec::<String>::new(),
            "new in the contract: cargo run -p tandem-proto --example lock, and commit the lock"
        );
    }

    #[test]
    fn a_change_of_a_number_a_type_or_a_name_is_told_from_an_addition() {
        let lines = contract();
        let id = "field tandem.v1.Integration.id = 1: string";
        assert!(lines.iter().any(|line| line == id));
        for (from, to) in [("= 1:", "= 2:"), ("string", "int64"), (".id", ".ident")] {
            let changed: Vec<String> = lines
                .iter()
                .map(|line| if line == id { line.replacen(from, to, 1) } else { line.clone() })
                .collect();
            let told = compare(&lines.join("\n"), &changed);
            assert_eq!(told.broken, [id]);
            assert_eq!(told.added.len(), 1);
        }
        let watch = "call tandem.v1.IncidentService/WatchIncidents: \
                     .tandem.v1.WatchIncidentsRequest -> stream .tandem.v1.WatchIncidentsResponse";
        assert!(lines.iter().any(|line| line == watch));
        let fewer: Vec<String> = lines.iter().filter(|line| *line != watch).cloned().collect();
        assert_eq!(compare(&lines.join("\n"), &fewer).broken, [watch]);
        assert_eq!(compare(&fewer.join("\n"), &lines).added, [watch]);
    }
}
