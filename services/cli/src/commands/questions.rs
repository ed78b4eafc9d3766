//! `im integration oncall`, `users`, `services`, `escalation-policies` and `priorities`: what the
//! external account has, with the age of the answer.

use tandem_proto::{json, v1};

use super::{Context, counterpart};
use crate::{
    args::questions::{Listing, OnCall, Users},
    failure::Failure,
};

pub(super) async fn on_call(context: &Context, asked: OnCall) -> Result<(), Failure> {
    let request = v1::ListOnCallRequest {
        org: context.org.clone(),
        integration: asked.named.integration,
        schedule: asked.schedule_id.unwrap_or_default(),
        fresh: asked.fresh.fresh,
    };
    let answer = context.client.on_call().list_on_call(request).await?.into_inner();
    let answer = json::OnCalls::from(answer);
    context.show.listing(&answer, &answer.on_call, &[as_of(&answer.reading)])
}

pub(super) async fn users(context: &Context, asked: Users) -> Result<(), Failure> {
    let integration = asked.named.integration;
    let mut answer = read_users(context, &integration, asked.fresh.fresh).await?;
    if asked.map_by_email {
        for user in answer.users.iter().filter(|user| user.r#match == Some("email")) {
            let request = v1::SetCounterpartRequest {
                org: context.org.clone(),
                integration: integration.clone(),
                field: counterpart::USERS.to_owned(),
                platform: user.platform.clone().unwrap_or_default(),
                external: user.id.clone(),
                etag: String::new(),
            };
            context.client.field_mappings().set_counterpart(request).await?;
        }
        answer = read_users(context, &integration, false).await?;
    }
    let mut notes = vec![as_of(&answer.reading)];
    if !answer.unknown_people.is_empty() {
        let names = answer.unknown_people.iter();
        let names: Vec<_> =
            names.map(|it| format!("{} ({} incidents)", it.platform, it.incidents)).collect();
        notes.push(format!("named here, and nobody of the account: {}", names.join(", ")));
    }
    context.show.listing(&answer, &answer.users, &notes)
}

async fn read_users(
    context: &Context,
    integration: &str,
    fresh: bool,
) -> Result<json::AccountUsers, Failure> {
    let (org, integration) = (context.org.clone(), integration.to_owned());
    let request = v1::ListUsersRequest { org, integration, fresh };
    Ok(context.client.directory().list_users(request).await?.into_inner().into())
}

pub(super) async fn services(context: &Context, asked: Listing) -> Result<(), Failure> {
    let request = v1::ListServicesRequest {
        org: context.org.clone(),
        integration: asked.named.integration,
        fresh: asked.fresh.fresh,
    };
    let answer = context.client.directory().list_services(request).await?.into_inner();
    let answer = json::AccountServices::from(answer);
    let mut notes = vec![as_of(&answer.reading)];
    if !answer.unmapped_incident_types.is_empty() {
        let names = answer.unmapped_incident_types.join(", ");
        notes.push(format!("incident types that no service stands for: {names}"));
    }
    context.show.listing(&answer, &answer.services, &notes)
}

pub(super) async fn escalation_policies(context: &Context, asked: Listing) -> Result<(), Failure> {
    let request = v1::ListEscalationPoliciesRequest {
        org: context.org.clone(),
        integration: asked.named.integration,
        fresh: asked.fresh.fresh,
    };
    let answer = context.client.directory().list_escalation_policies(request).await?.into_inner();
    let answer = json::AccountEscalationPolicies::from(answer);
    context.show.listing(&answer, &answer.escalation_policies, &[as_of(&answer.reading)])
}

pub(super) async fn priorities(context: &Context, asked: Listing) -> Result<(), Failure> {
    let request = v1::ListPrioritiesRequest {
        org: context.org.clone(),
        integration: asked.named.integration,
        fresh: asked.fresh.fresh,
    };
    let answer = context.client.directory().list_priorities(request).await?.into_inner();
    let answer = json::AccountPriorities::from(answer);
    context.show.listing(&answer, &answer.priorities, &[as_of(&answer.reading)])
}

/// How old an answer is, and why it is no newer.
fn as_of(reading: &json::Reading) -> String {
    let mut note = format!("read {} s ago", reading.age_s);
    if let Some(reason) = &reading.outdated {
        note = format!("{note}, and not anew: {reason}");
    }
    if !reading.complete {
        note = format!("{note}; there are more, which the account lets nobody read");
    }
    note
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_of_an_answer_is_told_with_why_it_is_no_newer() {
        let reading = |age_s, outdated: Option<&str>, complete| json::Reading {
            read_time: None,
            age_s,
            outdated: outdated.map(str::to_owned),
            complete,
        };
        assert_eq!(as_of(&reading(0, None, true)), "read 0 s ago");
        let away = as_of(&reading(75, Some("PagerDuty did not answer in time"), true));
        assert_eq!(away, "read 75 s ago, and not anew: PagerDuty did not answer in time");
        assert!(as_of(&reading(1, None, false)).ends_with("which the account lets nobody read"));
    }
}
