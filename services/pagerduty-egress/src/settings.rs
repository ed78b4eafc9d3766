//! What the service can be told at start; `--help` is the reference.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use jiff::SignedDuration;
use tandem_runtime::settings::{Common, MasterKeys};

use crate::heal::Rhythm;

/// Carries desired states and notes out to PagerDuty, within its rate limit
#[derive(Debug, Clone, clap::Parser)]
#[command(name = "tandem-pagerduty-egress", version)]
pub struct Settings {
    /// What every service has.
    #[command(flatten)]
    pub common: Common,
    /// What opens the integrations' tokens.
    #[command(flatten)]
    pub master_keys: MasterKeys,
    /// The longest a call may take altogether, in seconds (0.1 to 60)
    #[arg(
        long,
        env = "TANDEM_REQUEST_TIMEOUT",
        value_name = "SECONDS",
        default_value = "10",
        value_parser = seconds
    )]
    pub request_timeout: Duration,
    /// Calls a minute left to others who use the same PagerDuty key, at least, out of each integration's limit
    #[arg(long, env = "TANDEM_HEADROOM", value_name = "CALLS", default_value = "0")]
    pub headroom: u32,
    /// Days after which what keeps failing is put among the dead letters
    #[arg(
        long,
        env = "TANDEM_GIVE_UP_AFTER",
        value_name = "DAYS",
        default_value = "7",
        value_parser = clap::value_parser!(u16).range(1..=365)
    )]
    pub give_up_after: u16,
    /// Seconds from one round through the account's log to the next
    #[arg(
        long,
        env = "TANDEM_HEAL_INTERVAL",
        value_name = "SECONDS",
        default_value = "30",
        value_parser = interval
    )]
    pub heal_interval: Duration,
    /// Seconds that a webhook is waited for before what it would tell is taken from the log
    #[arg(
        long,
        env = "TANDEM_HEAL_AFTER",
        value_name = "SECONDS",
        default_value = "20",
        value_parser = interval
    )]
    pub heal_after: Duration,
    /// Seconds from one look at all open records to the next, or longer where that would take more
    /// than a tenth of the budget
    #[arg(
        long,
        env = "TANDEM_SWEEP_INTERVAL",
        value_name = "SECONDS",
        default_value = "60",
        value_parser = interval
    )]
    pub sweep_interval: Duration,
    /// Seconds from one look at the webhook subscriptions to the next
    #[arg(
        long,
        env = "TANDEM_WATCH_INTERVAL",
        value_name = "SECONDS",
        default_value = "60",
        value_parser = interval
    )]
    pub watch_interval: Duration,
}

impl Settings {
    /// Where the ops port is.
    pub fn ops_addr(&self) -> SocketAddr {
        self.common.ops_addr.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 9103)))
    }

    /// How often the healer does what.
    pub fn rhythm(&self) -> Rhythm {
        Rhythm {
            log: self.heal_interval,
            ripe: SignedDuration::try_from(self.heal_after).unwrap_or_default(),
            sweep: self.sweep_interval,
            watch: self.watch_interval,
        }
    }
}

fn interval(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.1..=86_400.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("give a number of seconds from 0.1 to 86400".to_owned()),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.1..=60.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("give a number of seconds from 0.1 to 60".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[test]
    fn the_command_line_holds_together() {
        Settings::command().debug_assert();
    }

    #[test]
    fn the_defaults_are_those_of_the_design() {
        let settings = Settings::parse_from(["tandem-pagerduty-egress"]);
        assert_eq!(settings.ops_addr(), "127.0.0.1:9103".parse().unwrap());
        assert_eq!(settings.request_timeout, Duration::from_secs(10));
        assert_eq!((settings.headroom, settings.give_up_after), (0, 7));
        let rhythm = settings.rhythm();
        assert_eq!((rhythm.log, rhythm.sweep), (Duration::from_secs(30), Duration::from_mins(1)));
        assert_eq!(rhythm.ripe, SignedDuration::from_secs(20));
    }

    #[test]
    fn a_time_out_must_be_a_sensible_number_of_seconds() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for text in ["", "0", "-1", "NaN", "inf", "61", "10s"] {
            assert!(seconds(text).is_err(), "{text:?}");
        }
    }
}
