//! `im links …` and `im integration links`.

use tandem_proto::{json, v1};

use super::{Context, PAGE, ended};
use crate::{
    args::{integration::Named, links::LinksCommand},
    failure::Failure,
};

pub(super) async fn run(context: &Context, command: LinksCommand) -> Result<(), Failure> {
    let mut client = context.client.links();
    let request_id = String::new();
    let changed = match command {
        LinksCommand::Show(link) => {
            let request = v1::GetLinkRequest { link: link.link };
            let found = client.get_link(request).await?.into_inner();
            return context.show.one(&json::Link::from(found));
        }
        LinksCommand::Link { incident, integration, record } => {
            let org = context.org.clone();
            let request = v1::CreateLinkRequest { org, integration, incident, record, request_id };
            client.create_link(request).await?
        }
        LinksCommand::Unlink(link) => {
            let request = v1::DeleteLinkRequest { link: link.link, request_id };
            client.delete_link(request).await?
        }
        LinksCommand::Resync { link, read } => {
            let request = v1::ResyncLinkRequest { link: link.link, read, request_id };
            client.resync_link(request).await?
        }
    };
    let changed = json::ChangedLink::from(changed.into_inner());
    if changed.pending {
        eprintln!("note: accepted, but it has not taken effect yet; see im links show");
    }
    context.show.one(&changed)
}

/// Lists the links of an integration, newest first.
pub(super) async fn list(context: &Context, named: Named) -> Result<(), Failure> {
    context.show.list(&all(context, named).await?)
}

/// Prints the links of an integration, the newest last, and then each that changes.
pub(super) async fn watch(context: &Context, named: Named) -> Result<(), Failure> {
    let (org, integration) = (context.org.clone(), named.integration.clone());
    let request = v1::WatchLinksRequest { org, integration };
    // Before it is listed what there is, so that nothing falls between the two.
    let mut stream = context.client.links().watch_links(request).await?.into_inner();
    for link in all(context, named).await?.iter().rev() {
        context.show.next(link)?;
    }
    while let Some(change) = stream.message().await? {
        context.show.next(&json::Link::from(change.link.unwrap_or_default()))?;
    }
    Err(ended())
}

async fn all(context: &Context, named: Named) -> Result<Vec<json::Link>, Failure> {
    let mut client = context.client.links();
    let mut found: Vec<json::Link> = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = v1::ListLinksRequest {
            org: context.org.clone(),
            integration: named.integration.clone(),
            incident: String::new(),
            page_size: PAGE,
            page_token,
        };
        let page = client.list_links(request).await?.into_inner();
        found.extend(page.links.into_iter().map(Into::into));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(found);
        }
    }
}
