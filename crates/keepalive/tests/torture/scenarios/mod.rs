//! The scenarios: each has one future that may be dropped early, and others that must not care.

mod closing;
mod ending;
mod letters;
mod making_room;
mod opening;
mod sharing;
mod waiting;

use std::pin::Pin;
use std::sync::Arc;

use keepalive::{ManagerBuilder, Request};

use crate::stage::Stage;

type Play = fn(Arc<Stage>) -> Pin<Box<dyn Future<Output = ()> + Send>>;

pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// Connections per host, and in total.
    pub(crate) limits: (usize, usize),
    pub(crate) capacity: usize,
    pub(crate) close_millis: u64,
    pub(crate) settings: fn(ManagerBuilder) -> ManagerBuilder,
    pub(crate) hosts: Vec<Request>,
    pub(crate) play: Play,
}

pub(crate) fn all() -> Vec<Scenario> {
    [
        opening::all(),
        waiting::all(),
        making_room::all(),
        letters::all(),
        sharing::all(),
        ending::all(),
        closing::all(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

impl Scenario {
    fn capacity(self, capacity: usize) -> Self {
        Self { capacity, ..self }
    }

    fn slow_close(self, close_millis: u64) -> Self {
        Self {
            close_millis,
            ..self
        }
    }

    fn settings(self, settings: fn(ManagerBuilder) -> ManagerBuilder) -> Self {
        Self { settings, ..self }
    }
}

/// Defines a scenario: its name, its limits, and its steps on the stage.
macro_rules! scenario {
    ($name:literal, $limits:expr, |$stage:ident| $play:block) => {
        $crate::scenarios::Scenario {
            name: $name,
            limits: $limits,
            capacity: 1,
            close_millis: 0,
            settings: |builder| builder,
            hosts: $crate::run::three_hosts(),
            play: |$stage| Box::pin(async move { $play }),
        }
    };
}

use scenario;
