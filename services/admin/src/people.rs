//! People whom the platform calls by the address that they have in an external account: found
//! without anybody having to map them, as soon as they are named.
//!
//! Level-triggered: whoever is named in an incident and is nobody's counterpart yet is looked for
//! among the account's users. What is found becomes a part of the field's mapping, under the
//! service's own name in the audit, and goes out like every change of configuration. What people map
//! goes before it ([`kinship`]).

use std::{collections::HashSet, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use serde::Deserialize;
use tandem_bus::{ask::Question, subjects};
use tandem_connectors::directory::Person;
use tandem_domain::{field::Field, id::Org, integration::Integration, lens::Lens};
use tandem_runtime::process::chain;
use tandem_store::{
    StoreError,
    integrations::{self, Stored},
    standing::{self, Said},
};
use tokio::time::{Instant, sleep_until};

use crate::{
    Admin,
    api::{
        change::{Asked, edit},
        directory::NEWEST,
    },
    ask,
    caller::Caller,
    kinship,
    refusal::Refusal,
};

/// So many names are kept in mind that were looked for; beyond it, all are looked for again.
const KEPT: usize = 10_000;

/// What is needed of a public event.
#[derive(Debug, Deserialize)]
struct Told {
    data: Data,
}

#[derive(Debug, Deserialize)]
struct Data {
    incident: Shown,
}

#[derive(Debug, Deserialize)]
struct Shown {
    org: Org,
    assigned_to: Option<String>,
}

/// Looks for everybody, at least `every` so often, and for whoever is named first at once. Runs
/// until dropped.
pub async fn run(admin: Admin, every: Duration) {
    loop {
        let again = Instant::now() + every;
        let mut feed = match admin.listen(subjects::FEED.to_owned()).await {
            Ok(feed) => feed.boxed(),
            Err(refusal) => {
                tracing::debug!(error = chain(&refusal), "nobody is heard being named for now");
                stream::pending().boxed()
            }
        };
        let mut looked_for = look(&admin, None).await;
        loop {
            tokio::select! {
                named = named(&mut feed, &mut looked_for) => match named {
                    Some(org) => looked_for.extend(look(&admin, Some(&org)).await),
                    None => break,
                },
                () = sleep_until(again) => break,
            }
        }
        // A feed that ends at once must not keep the database busy.
        sleep_until(again).await;
    }
}

/// The organisation in which somebody is named who was not before; none where the feed is over.
async fn named(
    feed: &mut (impl Stream<Item = Bytes> + Unpin),
    looked_for: &mut HashSet<(Org, String)>,
) -> Option<Org> {
    loop {
        let body = feed.next().await?;
        let Ok(Told { data: Data { incident } }) = serde_json::from_slice(&body) else { continue };
        let address = incident.assigned_to.filter(|name| name.contains('@'));
        let Some(address) = address else { continue };
        if looked_for.len() >= KEPT {
            looked_for.clear();
        }
        if looked_for.insert((incident.org.clone(), address)) {
            return Some(incident.org);
        }
    }
}

/// Looks for whoever is named, in every integration or in those of one organisation; gives those it
/// looked for.
async fn look(admin: &Admin, org: Option<&Org>) -> HashSet<(Org, String)> {
    let mut looked_for = HashSet::new();
    let looking = async {
        let mut all = integrations::list(&mut *admin.store.begin().await?, org).await?;
        all.retain(|stored| !stored.deleted && refers_to_people(&stored.integration));
        for of_org in all.chunk_by(|one, next| one.integration.org == next.integration.org) {
            let Some(Stored { integration: Integration { org, .. }, .. }) = of_org.first() else {
                continue;
            };
            let mut transaction = admin.store.begin().await?;
            let mut said = standing::people(&mut transaction, org, NEWEST).await?;
            drop(transaction);
            said.retain(|said| said.text.contains('@'));
            for stored in of_org {
                if let Err(refusal) = look_in(admin, stored, &said).await {
                    let integration = stored.integration.id;
                    tracing::debug!(error = chain(&refusal), %integration, "people wait to be found");
                }
            }
            looked_for.extend(said.into_iter().map(|said| (org.clone(), said.text)));
        }
        Ok::<_, StoreError>(())
    };
    if let Err(error) = looking.await {
        tracing::debug!(error = chain(&error), "people wait to be found");
    }
    looked_for
}

fn refers_to_people(integration: &Integration) -> bool {
    let rule = integration.fields.get(&Field::AssignedTo);
    rule.is_some_and(|rule| matches!(rule.lens, Lens::Reference { .. }))
}

async fn look_in(admin: &Admin, stored: &Stored, said: &[Said]) -> Result<(), Refusal> {
    let integration = &stored.integration;
    let (rows, known) = kinship::rows(integration);
    let is_known = |text: &str| rows.iter().chain(known).any(|row| row.platform == text);
    if said.iter().all(|said| is_known(&said.text)) {
        return Ok(());
    }
    let users = ask::list::<Person>(admin, stored, false, Question::Users).await?.items;
    if kinship::by_email(integration, &users, said).len() == known.len() {
        return Ok(());
    }
    let asked = Asked {
        caller: &Caller::itself(),
        action: "counterpart.find",
        org: integration.org.as_str(),
        integration: &integration.id.to_string(),
        etag: "",
    };
    edit(admin, asked, |stored| {
        let found = kinship::by_email(&stored.integration, &users, said);
        kinship::know(&mut stored.integration, found);
        Ok(())
    })
    .await?;
    Ok(())
}
