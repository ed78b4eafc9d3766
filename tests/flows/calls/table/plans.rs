//! Plans.

use tandem_proto::v1;
use tonic::Code;

use super::{READS, none, nothing, org, sim};
use crate::calls::{
    case::{
        Case,
        Leave::{Admin, Operator, Viewer},
        case,
    },
    scene::Scene,
};

pub(super) fn cases(scene: &Scene) -> Vec<Case> {
    let create = |integration| v1::CreatePlanRequest { org: org(), integration };
    let get = |plan: &str| v1::GetPlanRequest { plan: plan.to_owned(), ..Default::default() };
    let lines = |plan: &str, page_size| v1::ListPlanLinesRequest {
        plan: plan.to_owned(),
        page_size,
        ..Default::default()
    };
    let apply = |plan: &str, max_notifications| v1::ApplyPlanRequest {
        plan: plan.to_owned(),
        max_notifications,
    };
    let plan = &scene.plan;
    vec![
        case("PlanService/CreatePlan", Operator, &create(sim()))
            .bad("integration", &create(String::new()))
            .unknown(&create(none()))
            .never_late("it is made of what is there"),
        case("PlanService/GetPlan", Viewer, &get(plan))
            .bad("plan", &get(""))
            .unknown(&get(&nothing("pln")))
            .never_late(READS),
        case("PlanService/ListPlanLines", Viewer, &lines(plan, 0))
            .bad("page_size", &lines(plan, -1))
            .unknown(&lines(&nothing("pln"), 0))
            .never_late(READS),
        case("PlanService/ApplyPlan", Admin, &apply(plan, 0))
            .bad("max_notifications", &apply(plan, -1))
            .unknown(&apply(&nothing("pln"), 0))
            .once(Code::FailedPrecondition),
    ]
}
