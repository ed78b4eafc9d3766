//! Owns the calls about custom field values: read all, set some, all or none of a call.

use serde_json::{Value, json};

use super::{Answer, Asked, writes};
use crate::account::CustomField;
use crate::change::patch::text_at;
use crate::refusal::Refusal;
use crate::shape::objects;
use crate::world::World;

pub(super) fn list(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    let incident = asked.incident(world)?;
    Ok(Answer::ok(json!({ "custom_fields": objects::field_values(world, incident) })))
}

pub(super) fn update(world: &mut World, asked: &Asked) -> Result<Answer, Refusal> {
    let id = writes::found(world, asked.id())?;
    let list = asked.body.get("custom_fields").and_then(Value::as_array);
    let mut values = Vec::new();
    for given in list.into_iter().flatten() {
        let (field_id, name) = (text_at(given, &["id"]), text_at(given, &["name"]));
        let named = |it: &&CustomField| field_id == Some(&it.id) || name == Some(&it.name);
        let field = world.account.fields.iter().find(named);
        let field = field.ok_or_else(|| Refusal::invalid("Custom field not found."))?;
        let value = given.get("value").cloned().unwrap_or(Value::Null);
        if !fits(field, &value) {
            let error = format!("Value of {} has the wrong type.", field.name);
            return Err(Refusal::Invalid(vec![error]));
        }
        values.push((field.id.clone(), value));
    }
    asked.change(world).set_custom_fields(&id, &values)?;
    Ok(Answer::created(shown(world, &id)?))
}

fn fits(field: &CustomField, value: &Value) -> bool {
    let text = |holds: fn(&str) -> bool, value: &Value| value.as_str().is_some_and(holds);
    let typed = |value: &Value| match field.data_type.as_ref() {
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "float" => value.is_number(),
        "datetime" => text(|it| it.parse::<jiff::Timestamp>().is_ok(), value),
        "url" => text(|it| it.starts_with("https://") || it.starts_with("http://"), value),
        _ => value.is_string(),
    };
    let fixed = field.field_type.ends_with("_fixed");
    let one = |value: &Value| {
        typed(value) && (!fixed || field.options.iter().any(|option| value == option.as_str()))
    };
    match value {
        Value::Null => true,
        Value::Array(values) => {
            field.field_type.starts_with("multi_value") && values.iter().all(one)
        }
        value => field.field_type.starts_with("single_value") && one(value),
    }
}

fn shown(world: &World, id: &str) -> Result<Value, Refusal> {
    let incident = world.incidents.get(id).ok_or(Refusal::IncidentNotFound)?;
    Ok(json!({ "custom_fields": objects::field_values(world, incident) }))
}
