//! The settings of an engine, and their checks.

use std::fmt;
use std::time::Duration;

use thiserror::Error;

/// How many vacant hosts a manager remembers, so that a host used again and again keeps its record
/// and its statistics.
const REMEMBERED_HOSTS: usize = 4096;

/// The order in which a host's idle connections are handed out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum IdleOrder {
    /// The connection returned last goes first. The others age and expire, so the number of
    /// connections follows the load down.
    #[default]
    Lifo,
    /// The connection returned first goes first, so that all connections are used in turn.
    Fifo,
}

/// Settings as a user gives them; [`Config`] holds them once they are checked.
///
/// The public builder documents their units, defaults and extremes.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Connections per host, at least 1.
    pub max_per_host: usize,
    /// Connections in total, at least 1.
    pub max_open: usize,
    /// Requests that may wait without an attempt of their own; `None` is no limit.
    pub max_queued: Option<usize>,
    /// Attempts in flight; `None` is no limit.
    pub max_connecting: Option<usize>,
    /// How long an idle connection is kept; zero: no connection is used twice.
    pub keep_alive: Duration,
    /// Deadline of requests that have none of their own.
    pub timeout: Duration,
    /// How long closing a connection may take.
    pub close_timeout: Duration,
    /// Age at which a connection closes once it is idle; `None` is no limit.
    pub max_lifetime: Option<Duration>,
    /// `max_lifetime` is shortened at random by up to this share of it, 0 to 1.
    pub lifetime_jitter: f64,
    /// Leases after which a connection is closed; `None` is no limit.
    pub max_uses: Option<u64>,
    /// The order in which idle connections are handed out.
    pub idle_order: IdleOrder,
    /// How many waiters of its own host one connection may serve while an earlier request of
    /// another host waits for room.
    pub max_reuse_streak: u32,
    /// Whether an attempt whose request has gone finishes into the cache, within bounds.
    pub keep_unneeded_attempts: bool,
    /// Seed of all random choices.
    pub seed: u64,
    /// How many engines share the budget, at least 1.
    pub shards: u16,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_per_host: 4,
            max_open: 128,
            max_queued: None,
            max_connecting: None,
            keep_alive: Duration::from_secs(15),
            timeout: Duration::from_secs(120),
            close_timeout: Duration::from_secs(5),
            max_lifetime: None,
            lifetime_jitter: 0.1,
            max_uses: None,
            idle_order: IdleOrder::Lifo,
            max_reuse_streak: 16,
            keep_unneeded_attempts: true,
            seed: 0,
            shards: 1,
        }
    }
}

/// Settings that have been checked.
#[derive(Clone, Debug)]
pub struct Config {
    settings: Settings,
}

impl Config {
    /// The checked settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Checks a host's own limit of connections, which takes the place of `max_per_host`.
    ///
    /// # Errors
    ///
    /// If `connections` is 0.
    pub fn check_host_limit(connections: usize) -> Result<(), ConfigError> {
        at_least_one("max_per_host_of", Some(connections))
    }

    pub(crate) fn remembered_hosts(&self) -> usize {
        REMEMBERED_HOSTS.div_ceil(usize::from(self.settings.shards))
    }
}

impl TryFrom<Settings> for Config {
    type Error = ConfigError;

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// The first setting that cannot work, with its value and the allowed range (M2).
    fn try_from(settings: Settings) -> Result<Self, ConfigError> {
        at_least_one("max_per_host", Some(settings.max_per_host))?;
        at_least_one("max_open", Some(settings.max_open))?;
        at_least_one("max_queued", settings.max_queued)?;
        at_least_one("max_connecting", settings.max_connecting)?;
        at_least_one("max_uses", settings.max_uses)?;
        at_least_one("shards", Some(settings.shards))?;
        above_zero("timeout", Some(settings.timeout))?;
        above_zero("close_timeout", Some(settings.close_timeout))?;
        above_zero("max_lifetime", settings.max_lifetime)?;
        if !(0.0..=1.0).contains(&settings.lifetime_jitter) {
            return Err(ConfigError::new(
                "lifetime_jitter",
                &settings.lifetime_jitter,
                "a share from 0 to 1",
            ));
        }
        Ok(Self { settings })
    }
}

/// A setting that cannot work: its name, its value and the allowed range.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{setting} is {value}, but must be {allowed}")]
pub struct ConfigError {
    setting: &'static str,
    value: String,
    allowed: &'static str,
}

impl ConfigError {
    fn new(setting: &'static str, value: &dyn fmt::Debug, allowed: &'static str) -> Self {
        Self {
            setting,
            value: format!("{value:?}"),
            allowed,
        }
    }

    /// The name of the setting.
    pub fn setting(&self) -> &'static str {
        self.setting
    }
}

fn at_least_one<T: PartialEq + From<u8> + fmt::Debug>(
    setting: &'static str,
    value: Option<T>,
) -> Result<(), ConfigError> {
    match value {
        Some(value) if value == T::from(0) => Err(ConfigError::new(setting, &value, "at least 1")),
        _ => Ok(()),
    }
}

fn above_zero(setting: &'static str, value: Option<Duration>) -> Result<(), ConfigError> {
    match value {
        Some(Duration::ZERO) => Err(ConfigError::new(
            setting,
            &Duration::ZERO,
            "longer than zero",
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(change: impl FnOnce(&mut Settings)) -> String {
        let mut settings = Settings::default();
        change(&mut settings);
        Config::try_from(settings).unwrap_err().to_string()
    }

    #[test]
    fn an_error_names_the_setting_its_value_and_what_is_allowed() {
        assert_eq!(
            message(|settings| settings.max_per_host = 0),
            "max_per_host is 0, but must be at least 1"
        );
        assert_eq!(
            message(|settings| settings.timeout = Duration::ZERO),
            "timeout is 0ns, but must be longer than zero"
        );
        assert_eq!(
            message(|settings| settings.lifetime_jitter = f64::NAN),
            "lifetime_jitter is NaN, but must be a share from 0 to 1"
        );
        let settings = Settings {
            max_uses: Some(0),
            ..Settings::default()
        };
        assert_eq!(
            Config::try_from(settings).unwrap_err().setting(),
            "max_uses"
        );
    }
}
