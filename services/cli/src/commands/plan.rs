//! `im integration plan …` and `im integration apply …`: make a plan, show it, do it.

use std::{io::IsTerminal as _, time::Duration};

use anyhow::Context as _;
use tandem_proto::{json, v1};

use super::{Context, PAGE};
use crate::{
    args::plan::{Apply, PlanOf},
    failure::Failure,
    show::Shown,
};

/// How often it is asked how far it is.
const STEP: Duration = Duration::from_millis(500);

/// Makes a plan, or reads one again, and shows it with its lines.
pub(super) async fn make(context: &Context, asked: PlanOf) -> Result<(), Failure> {
    let mut client = context.client.plans();
    let again = asked.plan.is_some();
    let plan = if let Some(plan) = asked.plan {
        get(context, plan).await?
    } else {
        let (org, integration) = (context.org.clone(), asked.named.integration.clone());
        client.create_plan(v1::CreatePlanRequest { org, integration }).await?.into_inner()
    };
    let lines = lines(context, &plan.id).await?;
    let plan = json::Plan::from(plan);
    let (pages, changes) = (plan.paging.notifications, !lines.is_empty());
    let shown = Shown { most: asked.lines, whole: json::PlanWithLines { plan, lines } };
    context.show.told(&shown)?;
    if changes && !again {
        let allowing = match pages {
            0 => String::new(),
            count => format!(" --max-notifications {count}"),
        };
        let handle = &shown.whole.plan.integration_handle;
        context.show.next_step(&format!("im integration apply {handle}{allowing}"));
    }
    Ok(())
}

async fn lines(context: &Context, plan: &str) -> Result<Vec<json::PlanLine>, Failure> {
    let mut client = context.client.plans();
    let mut found = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = v1::ListPlanLinesRequest {
            plan: plan.to_owned(),
            page_size: PAGE,
            page_token,
            ..Default::default()
        };
        let page = client.list_plan_lines(request).await?.into_inner();
        found.extend(page.lines.into_iter().map(Into::into));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(found);
        }
    }
}

async fn get(context: &Context, plan: String) -> Result<v1::Plan, Failure> {
    let request = v1::GetPlanRequest { plan, ..Default::default() };
    Ok(context.client.plans().get_plan(request).await?.into_inner())
}

/// Has a plan applied, and waits until it is. One that is being applied already is only waited for.
pub(super) async fn apply(context: &Context, asked: Apply) -> Result<(), Failure> {
    let plan = if let Some(plan) = &asked.plan {
        get(context, plan.clone()).await?
    } else {
        let (org, integration) = (context.org.clone(), asked.named.integration.clone());
        let request = v1::GetPlanRequest { org, integration, ..Default::default() };
        context.client.plans().get_plan(request).await?.into_inner()
    };
    let begun = plan.state() == v1::PlanState::Applying;
    let mut now = if begun { plan } else { begin(context, &asked, plan).await? };
    if !asked.no_wait {
        let mut told = Told::new();
        while now.state() == v1::PlanState::Applying {
            told.tell(&now);
            tokio::time::sleep(STEP).await;
            now = get(context, now.id).await?;
        }
        told.end();
    }
    let plan = json::Plan::from(now);
    context.show.one(&plan)?;
    if plan.state == Some("failed") {
        let json::PlanProgress { moved, failed, .. } = plan.progress;
        let handle = &plan.integration_handle;
        return Err(Failure::Other(anyhow::anyhow!(
            "not everything was done: {moved} had moved and {failed} failed; see im integration \
             plan {handle} --plan {}",
            plan.id
        )));
    }
    Ok(())
}

/// Has it begun: whoever agrees to what they are shown allows that much.
async fn begin(context: &Context, asked: &Apply, plan: v1::Plan) -> Result<v1::Plan, Failure> {
    let pages = plan.paging.as_ref().map_or(0, |paging| paging.notifications);
    let somebody_is_there = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    let mut allowed = i64::from(asked.max_notifications.unwrap_or_default());
    if !asked.yes && somebody_is_there {
        let people = plan.paging.as_ref().map_or(0, |paging| paging.people.len());
        let prompt = format!(
            "Link {}, update {}, create {} here and {} there, sending {pages} notifications to \
             {people} people?",
            plan.links, plan.updates, plan.creates_here, plan.creates_there
        );
        let agreed = dialoguer::Confirm::new().with_prompt(prompt).default(false);
        if !agreed.interact().context("cannot ask; use --yes")? {
            return Err(Failure::Usage("not applied".to_owned()));
        }
        if asked.max_notifications.is_none() {
            allowed = pages;
        }
    }
    let request = v1::ApplyPlanRequest { plan: plan.id, max_notifications: allowed };
    Ok(context.client.plans().apply_plan(request).await?.into_inner())
}

/// Tells people how far it is: one line that is written over on a terminal, and elsewhere a line
/// whenever more was done.
struct Told {
    is_terminal: bool,
    last: Option<i64>,
}

impl Told {
    fn new() -> Self {
        Self { is_terminal: std::io::stderr().is_terminal(), last: None }
    }

    fn tell(&mut self, plan: &v1::Plan) {
        let progress = plan.progress.unwrap_or_default();
        let done = progress.done + progress.moved + progress.failed;
        let waits = match plan.problem.as_str() {
            "" => String::new(),
            problem => format!(", waiting: {problem}"),
        };
        let line = format!("{done}/{}{waits}", progress.total);
        if self.is_terminal {
            eprint!("\r\x1b[K{line} ");
        } else if self.last != Some(done) {
            eprintln!("{line}");
        }
        self.last = Some(done);
    }

    fn end(&self) {
        if self.is_terminal {
            eprint!("\r\x1b[K");
        }
    }
}
