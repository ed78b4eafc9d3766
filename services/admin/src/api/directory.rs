//! On-call, users, services, escalation policies and priorities: asked of the external account, and
//! put beside what the platform knows.

use jiff::Timestamp;
use tandem_bus::ask::{Listed, Question};
use tandem_connectors::directory::{Named, Person, Policy, Priority, Service, Turn};
use tandem_proto::v1::{
    self, directory_service_server::DirectoryService, on_call_service_server::OnCallService,
};
use tandem_runtime::clock;
use tandem_store::{integrations::Stored, standing};
use tonic::{Request, Response, Status};

use super::find;
use crate::{Admin, ask, caller::Caller, kinship, refusal::Refusal, wire};

/// How many incidents are looked through for whom and what they name.
pub(crate) const NEWEST: u32 = 2_000;
/// How many schedules an error names at most.
const NAMED: usize = 50;

/// Lists who is on call now.
pub(crate) async fn on_call(
    admin: &Admin,
    caller: &Caller,
    request: v1::ListOnCallRequest,
) -> Result<v1::ListOnCallResponse, Refusal> {
    let found = stored(admin, caller, &request.org, &request.integration).await?;
    let schedule = Some(request.schedule.trim().to_owned()).filter(|id| !id.is_empty());
    let question = |part| Question::OnCall { schedule: schedule.clone(), part };
    let mut listed = ask::list::<Turn>(admin, &found, request.fresh, question).await?;
    if let Some(schedule) = schedule.filter(|_| listed.items.is_empty()) {
        known(admin, &found, schedule).await?;
    }
    listed.items.sort_by(|one, other| place(one).cmp(&place(other)));
    let reading = Some(reading(&listed));
    Ok(v1::ListOnCallResponse { on_call: listed.items.into_iter().map(turn).collect(), reading })
}

/// Refuses a schedule that there is not. Nobody being on call is no reason to: schedules have gaps.
async fn known(admin: &Admin, stored: &Stored, schedule: String) -> Result<(), Refusal> {
    let all = ask::list::<Named>(admin, stored, false, Question::Schedules).await?;
    if all.items.iter().any(|it| it.id == schedule) {
        return Ok(());
    }
    let there = all.items.iter().map(|it| format!("{} ({})", it.id, it.name));
    let mut there: Vec<String> = there.take(NAMED).collect();
    if all.items.len() > NAMED {
        there.push(format!("and {} more", all.items.len() - NAMED));
    }
    Err(Refusal::NotAmong { noun: "schedule", name: schedule, there })
}

/// By policy, level and schedule, as it is read.
fn place(turn: &Turn) -> (&str, u32, Option<&str>, &str) {
    let schedule = turn.schedule.as_ref().map(|schedule| schedule.name.as_str());
    (&turn.policy.name, turn.level, schedule, &turn.person.name)
}

fn turn(from: Turn) -> v1::OnCall {
    let Turn { person, schedule, policy, level, since, until } = from;
    let (schedule, schedule_name) = schedule.map(|it| (it.id, it.name)).unwrap_or_default();
    v1::OnCall {
        user: person.id,
        user_name: person.name,
        email: person.email.unwrap_or_default(),
        schedule,
        schedule_name,
        escalation_policy: policy.id,
        escalation_policy_name: policy.name,
        level,
        start_time: since.map(wire::instant),
        end_time: until.map(wire::instant),
    }
}

/// Lists the users of an account, and who of them the platform knows.
pub(crate) async fn users(
    admin: &Admin,
    caller: &Caller,
    request: v1::ListUsersRequest,
) -> Result<v1::ListUsersResponse, Refusal> {
    let found = stored(admin, caller, &request.org, &request.integration).await?;
    let mut listed = ask::list::<Person>(admin, &found, request.fresh, Question::Users).await?;
    listed.items.sort_by_key(|user| (user.name.to_lowercase(), user.id.clone()));
    let reading = Some(reading(&listed));
    let integration = &found.integration;
    let mut transaction = admin.store.begin().await?;
    let said = standing::people(&mut transaction, &integration.org, NEWEST).await?;
    let (users, unknown_people) = kinship::people(integration, listed.items, &said);
    Ok(v1::ListUsersResponse { users, unknown_people, reading })
}

/// Lists the services of an account, and which of them are mapped.
pub(crate) async fn services(
    admin: &Admin,
    caller: &Caller,
    request: v1::ListServicesRequest,
) -> Result<v1::ListServicesResponse, Refusal> {
    let found = stored(admin, caller, &request.org, &request.integration).await?;
    let mut listed = ask::list::<Service>(admin, &found, request.fresh, Question::Services).await?;
    listed.items.sort_by_key(|service| (service.name.to_lowercase(), service.id.clone()));
    let reading = Some(reading(&listed));
    let integration = &found.integration;
    let mut transaction = admin.store.begin().await?;
    let types = standing::incident_types(&mut transaction, &integration.org, NEWEST).await?;
    let (services, unmapped_incident_types) = kinship::services(integration, listed.items, &types);
    Ok(v1::ListServicesResponse { services, unmapped_incident_types, reading })
}

/// Lists the escalation policies of an account.
pub(crate) async fn escalation_policies(
    admin: &Admin,
    caller: &Caller,
    request: v1::ListEscalationPoliciesRequest,
) -> Result<v1::ListEscalationPoliciesResponse, Refusal> {
    let found = stored(admin, caller, &request.org, &request.integration).await?;
    let question = Question::EscalationPolicies;
    let mut listed = ask::list::<Policy>(admin, &found, request.fresh, question).await?;
    listed.items.sort_by_key(|policy| (policy.name.to_lowercase(), policy.id.clone()));
    let reading = Some(reading(&listed));
    let policy = |from: Policy| v1::AccountEscalationPolicy {
        id: from.id,
        name: from.name,
        levels: from
            .levels
            .into_iter()
            .map(|level| v1::EscalationLevel {
                delay_minutes: wire::number(level.delay_min),
                targets: level.targets.into_iter().map(|target| target.name).collect(),
            })
            .collect(),
    };
    let escalation_policies = listed.items.into_iter().map(policy).collect();
    Ok(v1::ListEscalationPoliciesResponse { escalation_policies, reading })
}

/// Lists the priorities of an account, in its own order.
pub(crate) async fn priorities(
    admin: &Admin,
    caller: &Caller,
    request: v1::ListPrioritiesRequest,
) -> Result<v1::ListPrioritiesResponse, Refusal> {
    let found = stored(admin, caller, &request.org, &request.integration).await?;
    let question = Question::Priorities;
    let listed = ask::list::<Priority>(admin, &found, request.fresh, question).await?;
    let reading = Some(reading(&listed));
    let priority = |from: Priority| v1::AccountPriority {
        id: from.id,
        name: from.name,
        description: from.description.unwrap_or_default(),
    };
    let priorities = listed.items.into_iter().map(priority).collect();
    Ok(v1::ListPrioritiesResponse { priorities, reading })
}

/// The integration, read and let go of: an answer may take a while.
async fn stored(
    admin: &Admin,
    caller: &Caller,
    org: &str,
    reference: &str,
) -> Result<Stored, Refusal> {
    let mut transaction = admin.store.begin().await?;
    find(&mut transaction, caller, org, reference).await
}

fn reading<T>(listed: &Listed<T>) -> v1::Reading {
    v1::Reading {
        read_time: Some(wire::instant(listed.read_at)),
        age_s: age_s(listed.read_at, clock::now()),
        outdated: listed.outdated.clone().unwrap_or_default(),
        complete: listed.complete,
    }
}

/// How many seconds ago something was; what another clock says is later was just now.
pub(super) fn age_s(at: Timestamp, now: Timestamp) -> i64 {
    now.duration_since(at).as_secs().max(0)
}

#[tonic::async_trait]
impl OnCallService for Admin {
    async fn list_on_call(
        &self,
        request: Request<v1::ListOnCallRequest>,
    ) -> Result<Response<v1::ListOnCallResponse>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(on_call(self, &caller, request.into_inner()).await?))
    }
}

#[tonic::async_trait]
impl DirectoryService for Admin {
    async fn list_users(
        &self,
        request: Request<v1::ListUsersRequest>,
    ) -> Result<Response<v1::ListUsersResponse>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(users(self, &caller, request.into_inner()).await?))
    }

    async fn list_services(
        &self,
        request: Request<v1::ListServicesRequest>,
    ) -> Result<Response<v1::ListServicesResponse>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(services(self, &caller, request.into_inner()).await?))
    }

    async fn list_escalation_policies(
        &self,
        request: Request<v1::ListEscalationPoliciesRequest>,
    ) -> Result<Response<v1::ListEscalationPoliciesResponse>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(escalation_policies(self, &caller, request.into_inner()).await?))
    }

    async fn list_priorities(
        &self,
        request: Request<v1::ListPrioritiesRequest>,
    ) -> Result<Response<v1::ListPrioritiesResponse>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(priorities(self, &caller, request.into_inner()).await?))
    }
}
