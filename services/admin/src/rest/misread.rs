//! Which field of a query or a body could not be read, and why, from what serde says of it.

use std::error::Error;

use axum::extract::rejection::{JsonDataError, QueryRejection};
use serde_path_to_error::Error as Located;

/// What serde says of a name that is wrong as such, before the name.
const OF_A_NAME: [&str; 3] = ["unknown field `", "missing field `", "duplicate field `"];

/// The parameter of a query that is wrong, and what is.
pub(super) fn query(rejection: &QueryRejection) -> Option<(String, String)> {
    let found: &Located<serde::de::value::Error> = within(rejection)?;
    Some(located(found.path().to_string(), found.inner().to_string(), "query"))
}

/// The field of a body that is wrong, and what is; no text of the body is repeated.
pub(super) fn body(rejection: &JsonDataError) -> Option<(String, String)> {
    let found: &Located<serde_json::Error> = within(rejection)?;
    let told = without_texts(&found.inner().to_string());
    // Where in the text it is helps nobody who has its path.
    let told = told.rsplit_once(" at line ").map_or(told.as_str(), |(told, _)| told).to_owned();
    Some(located(found.path().to_string(), told, "body"))
}

/// The first error of this type among an error and its causes.
fn within<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    error.downcast_ref().or_else(|| within(error.source()?))
}

/// A path, or the whole, and what is wrong there. Of a name that is wrong as such the path is that of
/// what holds it.
fn located(path: String, told: String, whole: &str) -> (String, String) {
    let holder = if path == "." { "" } else { path.as_str() };
    let name = OF_A_NAME.iter().find_map(|before| told.strip_prefix(before));
    let name = name.and_then(|rest| rest.split('`').next());
    let field = match name {
        Some(name) if holder.is_empty() => name.to_owned(),
        Some(name) if holder != name && !holder.ends_with(&format!(".{name}")) => {
            format!("{holder}.{name}")
        }
        _ if holder.is_empty() => whole.to_owned(),
        _ => path,
    };
    (field, told)
}

/// What serde says of a value that has the wrong type, without the value: it may be a secret that
/// was put into the wrong place.
fn without_texts(told: &str) -> String {
    const BEFORE: &str = "string \"";
    let mut kept = String::with_capacity(told.len());
    let mut rest = told;
    while let Some((before, quoted)) = rest.split_once(BEFORE) {
        kept.push_str(before);
        kept.push_str("a string");
        let mut is_escaped = false;
        let end = quoted.find(|c: char| {
            let is_end = c == '"' && !is_escaped;
            is_escaped = c == '\\' && !is_escaped;
            is_end
        });
        rest = end.and_then(|end| quoted.get(end + 1..)).unwrap_or_default();
    }
    kept.push_str(rest);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_the_wrong_type_is_not_repeated() {
        let told =
            r#"credentials: invalid type: string "can\"ary \\", expected struct Credentials"#;
        let expected = "credentials: invalid type: a string, expected struct Credentials";
        assert_eq!(without_texts(told), expected);
        assert_eq!(without_texts("missing field `name`"), "missing field `name`");
        assert_eq!(without_texts(r#"x: string "cut"#), "x: a string");
    }

    #[test]
    fn a_name_that_is_wrong_as_such_is_the_field_and_else_it_is_the_path() {
        let field = |path: &str, told: &str| located(path.to_owned(), told.to_owned(), "body").0;
        assert_eq!(field(".", "unknown field `nam`, expected `name`"), "nam");
        assert_eq!(field("nam", "unknown field `nam`, expected `name`"), "nam");
        assert_eq!(field("credentials", "unknown field `tok`"), "credentials.tok");
        assert_eq!(field("credentials.tok", "unknown field `tok`"), "credentials.tok");
        assert_eq!(field("page_size", "invalid digit found in string"), "page_size");
        assert_eq!(field(".", "invalid type: sequence, expected struct Many"), "body");
    }
}
