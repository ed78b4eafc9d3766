//! The message of a dead letter, changed: in an editor, from a file, or field by field.

use std::{
    io::{IsTerminal as _, Read as _},
    path::Path,
};

use anyhow::Context as _;
use serde_json::Value;

use crate::failure::Failure;

/// The whole message out of a file.
pub(super) fn from_file(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    if path.as_os_str() == "-" {
        let read = std::io::stdin().read_to_string(&mut text);
        read.context("cannot read standard input")?;
    } else {
        text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
    }
    Ok(text)
}

/// The message as somebody leaves it in their editor.
pub(super) fn typed(original: &str) -> Result<String, Failure> {
    if !std::io::stdin().is_terminal() {
        let way_out = "say what to change with --set PATH=VALUE or --file FILE";
        return Err(Failure::Usage(way_out.to_owned()));
    }
    let shown = serde_json::from_str::<Value>(original)
        .and_then(|value| serde_json::to_string_pretty(&value))
        .unwrap_or_else(|_| original.to_owned());
    let left = dialoguer::Editor::new().extension(".json").edit(&shown);
    let left = left.context("cannot open an editor; use --set or --file")?;
    left.ok_or_else(|| Failure::Usage("the editor was left without saving".to_owned()))
}

/// The message with some fields set: `snapshot.fields.title.value=db down`.
pub(super) fn set(original: &str, changes: &[String]) -> Result<String, Failure> {
    let mut message: Value = serde_json::from_str(original)
        .context("the message is not JSON: give the whole with --file")?;
    for change in changes {
        let (path, value) = change.split_once('=').ok_or_else(|| {
            Failure::Usage(format!("{change:?} is no PATH=VALUE, such as version=7"))
        })?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
        put(&mut message, path, value)?;
    }
    Ok(message.to_string())
}

/// Puts a value at a path; what is on the way there and missing is made.
fn put(message: &mut Value, path: &str, value: Value) -> Result<(), Failure> {
    let mut place = message;
    for step in path.split('.') {
        let nowhere = || Failure::Usage(format!("{path}: there is nothing that {step:?} is in"));
        if place.is_null() {
            *place = Value::Object(serde_json::Map::new());
        }
        place = match place {
            Value::Object(all) => all.entry(step).or_insert(Value::Null),
            Value::Array(all) => {
                let at = step.parse::<usize>().ok().and_then(|at| all.get_mut(at));
                at.ok_or_else(nowhere)?
            }
            _ => return Err(nowhere()),
        };
    }
    *place = value;
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn changed(changes: &[&str]) -> Result<Value, Failure> {
        let original = json!({ "a": { "b": [1, 2] }, "t": "x" }).to_string();
        let changes: Vec<String> = changes.iter().map(|change| (*change).to_owned()).collect();
        set(&original, &changes).map(|text| serde_json::from_str(&text).unwrap())
    }

    #[test]
    fn a_value_is_json_where_it_is_json_and_text_where_it_is_not() {
        let set = changed(&["a.b.1=7", "t=db down", "n.m=null"]).unwrap();
        assert_eq!(set, json!({ "a": { "b": [1, 7] }, "t": "db down", "n": { "m": null } }));
    }

    #[test]
    fn a_path_that_leads_nowhere_is_told() {
        for bad in ["t.x=1", "a.b.9=1", "nothing"] {
            assert!(matches!(changed(&[bad]), Err(Failure::Usage(_))), "{bad}");
        }
    }
}
