//! The state machine of `keepalive`, the connection manager for async Rust.
//!
//! It decides which request gets which connection, when to open, evict and close one, and how long
//! each request waits. It does no IO and has no clock, task, lock or runtime. The driver passes in
//! each event with its time, and carries out the resulting actions.
//!
//! ```text
//! inputs (request, connected, released, tick...) -> Engine -> poll_action(), poll_timeout()
//! ```
//!
//! One [`Engine`] is one shard of a manager. The shards share a [`Budget`], reached through
//! [`Room`]. The same settings and inputs give the same actions. [`Engine::observe`] keeps each
//! decision as an [`Event`], with its time and reason.
//!
//! # Examples
//!
//! ```
//! use keepalive_engine::{Action, Answer, Ask, Config, Engine, LocalRoom, Settings, ShardId, Time};
//!
//! let config = Config::try_from(Settings::default())?;
//! let mut room = LocalRoom::new(&config);
//! let mut engine = Engine::new(&config, ShardId(0));
//! let now = Time::START;
//!
//! let host = engine.host(7, &"tcp://127.0.0.1:80");
//! let ask = Ask { host, number: 1, timeout: None, queue_timeout: None };
//! let request = engine.request(now, &mut room, ask);
//! let Some(Action::Connect(connection, _)) = engine.poll_action() else { panic!() };
//!
//! engine.connected(now, &mut room, connection, 1);
//! let Some(Action::Answer(id, answer)) = engine.poll_action() else { panic!() };
//! assert_eq!((id, answer), (request, Answer::Connection(connection)));
//! # Ok::<(), keepalive_engine::ConfigError>(())
//! ```

mod action;
mod arena;
mod budget;
mod catch_up;
mod config;
mod connection;
mod counters;
mod dispatch;
mod engine;
mod event;
mod expiry;
mod fast_path;
#[cfg(feature = "check")]
mod fingerprint;
mod host;

mod ids;
mod invariant;
mod lane;
mod lifecycle;
mod lists;
mod opening;
mod policy;
mod query;
mod queue;
mod race;
mod request;
mod room;
mod shutdown;
mod slot_list;
mod stats;
mod time;
mod timer;

pub use action::{Action, Answer, Due, Message};
pub use budget::{Budget, Grant, Permit};
pub use config::{Config, ConfigError, IdleOrder, Settings};
pub use connection::{Capacity, Phase, Return};
pub use counters::Counts;
pub use engine::{Engine, Taken};
pub use event::{Decision, EndReason, Event};
pub use fast_path::Leased;
#[cfg(feature = "check")]
pub use fingerprint::fingerprint;
pub use ids::{ConnectionId, HostId, RequestId, ShardId, Ticket};
pub use invariant::{check, check_ended, check_settled};
pub use lane::{Arrival, Lane, Look, Place, Returned, Seat, Terms};
pub use race::{Family, Pace, Race, Step};
pub use request::{Ask, FromCache, Reason, Timing, Waiting};
pub use room::{LocalRoom, Room};
pub use stats::WaitingTime;
pub use time::Time;
