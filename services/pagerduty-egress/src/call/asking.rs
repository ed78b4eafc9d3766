//! Calls for what somebody asked: within the budget, and at nobody's cost but theirs.
//!
//! A question may be about something the key is not allowed to see, or hit a limit that only such
//! questions have: neither says anything about the work that goes out, so neither holds it up.

use reqwest::Client;
use tandem_connectors::pagerduty::{
    checkup::Left,
    directory,
    refusal::{self, Class},
    rest::Request,
};
use tokio_util::sync::CancellationToken;

use super::{Caller, Exchange};
use crate::gate::{Gate, Permit};

/// The status of a call whose key is no good, whatever it was for.
const UNAUTHORISED: u16 = 401;

impl<'a> Caller<'a> {
    /// A caller for a question, which has its first permit already.
    pub fn asking(
        http: &'a Client,
        gate: &'a Gate,
        first: Permit,
        stop: &'a CancellationToken,
    ) -> Self {
        Self {
            http,
            gate,
            version: first.version(),
            lane: first.lane(),
            first: Some(first),
            traceparent: None,
            overtaken: stop,
            acting: None,
            wrote: false,
            asks: true,
            left: None,
        }
    }

    /// How many calls were left when it was last told.
    pub const fn left(&self) -> Option<Left> {
        self.left
    }

    /// Tells the gate what of a question's answer concerns all calls.
    pub(super) fn tell_of_question(
        &mut self,
        request: &Request,
        exchanged: &Exchange,
        understood: bool,
    ) {
        let hints = exchanged.hints();
        if let (Some(remaining), Some(reset)) = (hints.remaining, hints.reset) {
            self.left = Some(Left { limit: hints.limit, remaining, reset_s: reset.as_secs() });
        }
        let class = if understood { None } else { Some(refusal::sort(exchanged.ending())) };
        let apart = match class {
            None | Some(Class::Throttled) => directory::has_own_limit(request),
            Some(Class::Unwelcome | Class::Stranger) => exchanged.status() != Some(UNAUTHORISED),
            Some(_) => false,
        };
        if apart {
            let outcome = class.map_or("ok", Class::name);
            metrics::counter!("tandem_calls_total", "outcome" => outcome).increment(1);
            // It is an answer all the same.
            self.gate.succeeded();
        } else {
            self.tell_gate(exchanged, understood);
        }
    }
}
