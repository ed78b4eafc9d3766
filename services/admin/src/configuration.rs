//! From a request to an integration's configuration: all of it checked before any of it is used.
//!
//! Bad input names every field that is wrong at once, and nothing is ever half applied.

use prost_types::FieldMask;
use secrecy::SecretString;
use tandem_domain::{
    clock::Offset,
    id::{Handle, IntegrationId},
    integration::Integration,
};
use tandem_proto::v1;

use crate::{
    check,
    refusal::{Checks, Refusal},
    scope, slug,
};

const RATE_LIMIT: u32 = 900;
const BACKOFF_MULTIPLIER: f64 = 2.0;

/// Secrets that came with a request; not yet sealed.
#[derive(Debug, Default)]
pub(crate) struct Secrets {
    /// The API token.
    pub(crate) token: Option<SecretString>,
    /// A further signing secret.
    pub(crate) signing_secret: Option<SecretString>,
}

/// How a new integration comes to its handle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Naming {
    /// Somebody chose it; when it is taken, that is an error.
    Chosen(Handle),
    /// It is made from the name, and counted up when it is taken.
    FromName(String),
}

impl Naming {
    /// The `n`th handle to try, from 1; `None` when there is no further one.
    pub(crate) fn attempt(&self, n: u32) -> Option<Handle> {
        match self {
            Self::Chosen(handle) => (n <= 1).then(|| handle.clone()),
            Self::FromName(slug) => slug::candidate(slug, n).parse().ok(),
        }
    }
}

/// A new integration as asked for, with the first handle to try.
pub(crate) fn creation(
    from: v1::Integration,
    id: IntegrationId,
) -> Result<(Integration, Naming, Secrets), Refusal> {
    let mut checks = Checks::default();
    let (asked_direction, asked_strategy) = asked_or_default(&from);
    let rate_limit = if from.rate_limit == 0 { RATE_LIMIT } else { from.rate_limit };
    let backoff =
        if from.backoff_multiplier == 0.0 { BACKOFF_MULTIPLIER } else { from.backoff_multiplier };

    let org = checks.take("org", check::org(&from.org));
    let name = checks.take("name", check::name(&from.name));
    let connector = checks.take("type", check::connector(&from.r#type));
    let base_url = checks.take("base_url", check::base_url(&from.base_url));
    let direction = checks.take("direction", check::direction(asked_direction));
    let strategy = checks.take("conflict_strategy", check::strategy(asked_strategy));
    let rate_limit = checks.take("rate_limit", check::rate_limit(rate_limit));
    if let Some(limit) = rate_limit {
        checks.take("headroom", check::headroom(from.headroom, limit));
    }
    let backoff_multiplier = checks.take("backoff_multiplier", check::backoff_multiplier(backoff));
    let from_email = checks.take("from_email", check::email(&from.from_email));
    let public_url = checks.take("public_url", check::public_url(&from.public_url));
    let secrets = secrets(&mut checks, from.credentials.unwrap_or_default());
    let scope = scope::given(&mut checks, &from.scope.unwrap_or_default());
    let naming = if from.handle.is_empty() {
        Some(Naming::FromName(slug::of(&from.name)))
    } else {
        checks.take("handle", check::handle(&from.handle)).map(Naming::Chosen)
    };
    checks.finish()?;

    let complete = || {
        let (naming, connector) = (naming?, connector?);
        let integration = Integration {
            id,
            org: org?,
            handle: naming.attempt(1)?,
            name: name?,
            base_url: base_url?,
            direction: direction?,
            enabled: from.enabled,
            paused: from.paused,
            strategy: strategy?,
            from_email: from_email?,
            rate_limit: rate_limit?,
            headroom: from.headroom,
            backoff_multiplier: backoff_multiplier?,
            fields: tandem_connectors::default_fields(&connector)?,
            connector,
            services: Vec::new(),
            scope,
            sync_escalations: from.sync_escalations,
            public_url: public_url?,
            clock: Offset::default(),
            version: 1,
        };
        Some((integration, naming, secrets))
    };
    // Everything is there, or `finish` would have refused.
    complete().ok_or_else(|| Refusal::Invalid(Vec::new()))
}

/// Direction and strategy as asked for, or what a new integration begins with.
fn asked_or_default(from: &v1::Integration) -> (v1::Direction, v1::ConflictStrategy) {
    let direction = match from.direction() {
        v1::Direction::Unspecified => v1::Direction::Bidirectional,
        said => said,
    };
    let strategy = match from.conflict_strategy() {
        v1::ConflictStrategy::Unspecified => v1::ConflictStrategy::LastWriteWins,
        said => said,
    };
    (direction, strategy)
}

/// Puts the fields that the mask names into the integration; leaves it alone when one is bad.
pub(crate) fn change(
    integration: &Integration,
    from: v1::Integration,
    mask: Option<FieldMask>,
) -> Result<(Integration, Secrets), Refusal> {
    let paths = mask.map(|mask| mask.paths).unwrap_or_default();
    if paths.is_empty() {
        return Err(Refusal::invalid("update_mask", "must name the fields to change"));
    }
    let mut checks = Checks::default();
    let mut to = integration.clone();
    let (direction, strategy) = (from.direction(), from.conflict_strategy());
    let credentials = from.credentials.unwrap_or_default();
    let mut taken = v1::Credentials::default();
    let scope = from.scope.unwrap_or_default();
    for path in &paths {
        let field = path.as_str();
        match field {
            "handle" => set(&mut to.handle, checks.take(field, check::handle(&from.handle))),
            "name" => set(&mut to.name, checks.take(field, check::name(&from.name))),
            "base_url" => {
                set(&mut to.base_url, checks.take(field, check::base_url(&from.base_url)));
            }
            "direction" => set(&mut to.direction, checks.take(field, check::direction(direction))),
            "enabled" => to.enabled = from.enabled,
            "paused" => to.paused = from.paused,
            "conflict_strategy" => {
                set(&mut to.strategy, checks.take(field, check::strategy(strategy)));
            }
            "rate_limit" => {
                set(&mut to.rate_limit, checks.take(field, check::rate_limit(from.rate_limit)));
            }
            "headroom" => to.headroom = from.headroom,
            "backoff_multiplier" => {
                let factor = check::backoff_multiplier(from.backoff_multiplier);
                set(&mut to.backoff_multiplier, checks.take(field, factor));
            }
            "from_email" => {
                set(&mut to.from_email, checks.take(field, check::email(&from.from_email)));
            }
            "public_url" => {
                set(&mut to.public_url, checks.take(field, check::public_url(&from.public_url)));
            }
            "sync_escalations" => to.sync_escalations = from.sync_escalations,
            _ if scope::is_part(field) => scope::change(&mut to.scope, &scope, field),
            "credentials.token" => taken.token.clone_from(&credentials.token),
            "credentials.signing_secret" => {
                taken.signing_secret.clone_from(&credentials.signing_secret);
            }
            "credentials" => taken = credentials.clone(),
            _ => {
                let refused = format!("{field:?} is not a field that can be changed");
                checks.take::<(), _>("update_mask", Err(refused));
            }
        }
    }
    let secrets = secrets(&mut checks, taken);
    if (to.headroom, to.rate_limit) != (integration.headroom, integration.rate_limit) {
        checks.take("headroom", check::headroom(to.headroom, to.rate_limit));
    }
    if to.scope != integration.scope {
        scope::check(&mut checks, &to.scope);
    }
    checks.finish()?;
    Ok((to, secrets))
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

fn secrets(checks: &mut Checks, from: v1::Credentials) -> Secrets {
    Secrets {
        token: checks.take("credentials.token", check::secret(from.token)).flatten(),
        signing_secret: checks
            .take("credentials.signing_secret", check::secret(from.signing_secret))
            .flatten(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> v1::Integration {
        v1::Integration {
            org: "acme-corp".to_owned(),
            name: "Production PagerDuty".to_owned(),
            r#type: "pagerduty".to_owned(),
            base_url: "https://api.pagerduty.com".to_owned(),
            enabled: true,
            ..Default::default()
        }
    }

    fn id() -> IntegrationId {
        IntegrationId::from_uuid(uuid::Uuid::from_u128(7))
    }

    fn violated(refusal: Refusal) -> Vec<String> {
        match refusal {
            Refusal::Invalid(all) => all.into_iter().map(|violation| violation.field).collect(),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn what_is_left_out_gets_its_default() {
        let (integration, naming, secrets) = creation(asked(), id()).unwrap();
        assert_eq!(integration.handle.as_str(), "prod-pd");
        assert_eq!(naming.attempt(2).unwrap().as_str(), "prod-pd-2");
        assert_eq!((integration.rate_limit, integration.backoff_multiplier), (900, 2.0));
        assert!(integration.direction.inbound() && integration.direction.outbound());
        assert!(secrets.token.is_none() && secrets.signing_secret.is_none());
    }

    #[test]
    fn a_chosen_handle_is_tried_once() {
        let chosen = v1::Integration { handle: "pd-eu".to_owned(), ..asked() };
        let (integration, naming, _) = creation(chosen, id()).unwrap();
        assert_eq!(integration.handle.as_str(), "pd-eu");
        assert_eq!(naming.attempt(2), None);
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let bad =
            v1::Integration { base_url: "x".to_owned(), rate_limit: 961, ..Default::default() };
        let fields = violated(creation(bad, id()).unwrap_err());
        assert_eq!(fields, ["org", "name", "type", "base_url", "rate_limit"]);
    }

    #[test]
    fn a_change_touches_what_the_mask_names_and_no_more() {
        let (integration, ..) = creation(asked(), id()).unwrap();
        let wanted = v1::Integration { rate_limit: 100, name: "ignored".to_owned(), ..asked() };
        let mask = FieldMask { paths: vec!["rate_limit".to_owned()] };
        let (changed, _) = change(&integration, wanted, Some(mask)).unwrap();
        assert_eq!(changed, Integration { rate_limit: 100, ..integration });
    }

    #[test]
    fn what_is_left_to_others_is_less_than_the_limit() {
        let (integration, ..) = creation(asked(), id()).unwrap();
        let paths = |paths: &[&str]| FieldMask {
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        };
        let wanted = v1::Integration { headroom: 300, rate_limit: 300, ..asked() };
        let (changed, _) =
            change(&integration, wanted.clone(), Some(paths(&["headroom"]))).unwrap();
        assert_eq!(changed.headroom, 300);
        let refusal = change(&changed, wanted, Some(paths(&["rate_limit"]))).unwrap_err();
        assert_eq!(violated(refusal), ["headroom"]);
        let all = v1::Integration { headroom: 900, ..asked() };
        assert_eq!(violated(creation(all, id()).unwrap_err()), ["headroom"]);
    }

    #[test]
    fn an_unknown_or_fixed_field_in_the_mask_is_refused() {
        let (integration, ..) = creation(asked(), id()).unwrap();
        for path in ["type", "org", "nonsense"] {
            let mask = FieldMask { paths: vec![path.to_owned()] };
            let refusal = change(&integration, asked(), Some(mask)).unwrap_err();
            assert_eq!(violated(refusal), ["update_mask"], "{path}");
        }
        assert!(change(&integration, asked(), None).is_err());
    }

    #[test]
    fn a_secret_outside_the_mask_is_left_alone() {
        let (integration, ..) = creation(asked(), id()).unwrap();
        let credentials = v1::Credentials { token: "t".to_owned(), signing_secret: "s".to_owned() };
        let changes = v1::Integration { credentials: Some(credentials), ..asked() };
        let mask = FieldMask { paths: vec!["credentials.token".to_owned()] };
        let (_, secrets) = change(&integration, changes, Some(mask)).unwrap();
        assert!(secrets.token.is_some() && secrets.signing_secret.is_none());
    }
}
