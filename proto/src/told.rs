//! What the `.proto` files say of each call, message and field, for documents that are made from them.

use std::collections::BTreeMap;

use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet,
    ServiceDescriptorProto, field_descriptor_proto::Type,
};

use crate::FILE_DESCRIPTOR_SET;

/// Where things are in a file, as a path of source locations begins and goes on.
const MESSAGE: i32 = 4;
const SERVICE: i32 = 6;
const FIELD: i32 = 2;
const METHOD: i32 = 2;

/// The contract, as far as it is told in words.
#[derive(Debug, Clone, Default)]
pub struct Told {
    calls: BTreeMap<String, Call>,
    services: BTreeMap<String, String>,
    messages: BTreeMap<String, Message>,
}

/// A call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Call {
    /// What it does.
    pub text: String,
    /// The message that it takes.
    pub input: String,
    /// The message that it answers.
    pub output: String,
}

/// A message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// What it is.
    pub text: String,
    /// Its fields by name.
    pub fields: BTreeMap<String, Field>,
}

/// A field of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// What it holds.
    pub text: String,
    /// What kind of value that is.
    pub kind: Kind,
}

/// What a field holds, as far as it reads otherwise in JSON than in protobuf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// One of an enum's words.
    Word(String),
    /// An instant.
    Time,
    /// Another message.
    Message(String),
    /// Anything else.
    Plain,
}

impl Told {
    /// Everything that `tandem.v1` says.
    pub fn read() -> Self {
        let mut told = Self::default();
        let set = <FileDescriptorSet as prost::Message>::decode(FILE_DESCRIPTOR_SET);
        let files = set.unwrap_or_default().file;
        for file in files.iter().filter(|file| file.package() == "tandem.v1") {
            let texts = Texts::of(file);
            for (at, message) in (0..).zip(&file.message_type) {
                told.messages
                    .insert(message.name().to_owned(), texts.message(&[MESSAGE, at], message));
            }
            for (at, service) in (0..).zip(&file.service) {
                told.service(&texts, &[SERVICE, at], service);
            }
        }
        told
    }

    fn service(&mut self, texts: &Texts, place: &[i32], from: &ServiceDescriptorProto) {
        self.services.insert(from.name().to_owned(), texts.at(place));
        for (at, call) in (0..).zip(&from.method) {
            let name = format!("{}/{}", from.name(), call.name());
            let (input, output) = (plain(call.input_type()), plain(call.output_type()));
            let text = texts.at(&[place, &[METHOD, at]].concat());
            self.calls.insert(name, Call { text, input, output });
        }
    }

    /// What is said of a call, such as `LinkService/GetLink`.
    pub fn call(&self, name: &str) -> Option<&Call> {
        self.calls.get(name)
    }

    /// What is said of a service.
    pub fn about(&self, service: &str) -> Option<&str> {
        self.services.get(service).map(String::as_str)
    }

    /// What is said of a message and its fields.
    pub fn message(&self, name: &str) -> Option<&Message> {
        self.messages.get(name)
    }
}

/// The comments of one file by the places that they are about.
struct Texts(BTreeMap<Vec<i32>, String>);

impl Texts {
    fn of(file: &FileDescriptorProto) -> Self {
        let places = file.source_code_info.iter().flat_map(|info| &info.location);
        let with_text = places.filter(|place| place.leading_comments.is_some());
        Self(
            with_text
                .map(|place| (place.path.clone(), one_line(place.leading_comments())))
                .collect(),
        )
    }

    fn at(&self, place: &[i32]) -> String {
        self.0.get(place).cloned().unwrap_or_default()
    }

    fn message(&self, place: &[i32], from: &DescriptorProto) -> Message {
        let fields = (0..).zip(&from.field).map(|(at, field)| {
            let text = self.at(&[place, &[FIELD, at]].concat());
            (field.name().to_owned(), Field { text, kind: kind(field) })
        });
        Message { text: self.at(place), fields: fields.collect() }
    }
}

fn kind(field: &FieldDescriptorProto) -> Kind {
    let name = plain(field.type_name());
    match field.r#type() {
        Type::Enum => Kind::Word(name),
        Type::Message if field.type_name() == ".google.protobuf.Timestamp" => Kind::Time,
        Type::Message => Kind::Message(name),
        _ => Kind::Plain,
    }
}

/// The last part of a full name.
fn plain(name: &str) -> String {
    name.rsplit('.').next().unwrap_or_default().to_owned()
}

fn one_line(comment: &str) -> String {
    comment.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words;

    #[test]
    fn every_call_and_every_field_is_told_in_words() {
        let told = Told::read();
        for call in crate::calls() {
            let said = told.call(&call).unwrap();
            assert!(!said.text.is_empty(), "{call}");
            assert!(told.message(&said.input).is_some(), "{call}: {}", said.input);
            assert!(!told.about(call.split('/').next().unwrap()).unwrap().is_empty(), "{call}");
        }
        for (name, message) in &told.messages {
            assert!(!message.text.is_empty(), "{name}");
            for (field, said) in &message.fields {
                assert!(!said.text.is_empty(), "{name}.{field}");
            }
        }
    }

    #[test]
    fn every_enum_that_a_field_holds_has_its_words() {
        let told = Told::read();
        let fields = told.messages.values().flat_map(|message| message.fields.values());
        let mut enums = 0;
        for field in fields {
            if let Kind::Word(name) = &field.kind {
                enums += 1;
                assert!(words::of(name).is_some_and(|words| !words.is_empty()), "{name}");
            }
        }
        assert!(enums > 20, "{enums}");
        assert_eq!(words::of("Severity").unwrap(), ["SEV-1", "SEV-2", "SEV-3", "SEV-4"]);
    }

    #[test]
    fn a_field_is_told_by_its_comment_and_its_kind() {
        let told = Told::read();
        let link = told.message("Link").unwrap();
        assert_eq!(link.fields["state"].kind, Kind::Word("LinkState".to_owned()));
        assert_eq!(link.fields["create_time"].kind, Kind::Time);
        assert_eq!(link.fields["id"].kind, Kind::Plain);
    }
}
