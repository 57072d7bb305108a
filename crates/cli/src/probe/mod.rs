//! `keepalive probe`: opens one connection, and shows each step to it.
//!
//! `target` parses the server to probe, and `path` records the lookups and attempts. `text`
//! formats the report; `stages` and `timeline` draw the steps, `certificate` reads DER.

mod certificate;
mod path;
mod stages;
mod target;
mod text;
mod timeline;

use std::time::Duration;

use keepalive::{Connector, Forwarder, Manager, Request, Timing, TlsInfo};
use serde::Serialize;

use crate::args::ProbeFlags;
use crate::console::{self, Stream};
use crate::exit::{Exit, GOODBYE, Refusal};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::network;
use crate::probe::certificate::Presented;
use crate::probe::path::{Path, Recorder};
use crate::timing::{by_phase, in_micros};
use crate::tls;

/// Probes the target, and prints the report.
pub(crate) async fn run(flags: ProbeFlags) -> Exit {
    let probe = match Probe::check(&flags) {
        Ok(probe) => probe,
        Err(refusal) => {
            console::complain(refusal);
            return Exit::Usage;
        }
    };
    let mut interrupt = Interrupt::listen();
    let (report, exit) = probe.open(&mut interrupt).await;
    let printed = match flags.json {
        true => {
            let object = serde_json::to_string(&report);
            let object = object.expect("all of it can be written as JSON");
            console::print_raw(&format!("{object}\n"))
        }
        false => console::print(Stream::Output, &text::of(&report)),
    };
    if let Some(failure) = &report.failure {
        console::complain(format_args!("{}: {failure}", report.target));
    }
    console::exit_after(printed, exit)
}

/// A probe that has not started.
struct Probe {
    manager: Manager,
    target: Request,
    /// The forwarding proxy for the target, which is connected to in its place.
    forwarder: Option<Forwarder>,
    recorder: Recorder,
}

/// The result of a probe. In JSON, times are microseconds, and unknown values are null.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) target: String,
    pub(crate) connected: bool,
    #[serde(flatten)]
    pub(crate) path: Path,
    pub(crate) tls: Option<TlsReport>,
    #[serde(serialize_with = "by_phase")]
    pub(crate) timing: Timing,
    /// The time from the request for a connection to its outcome.
    #[serde(rename = "total_us", serialize_with = "in_micros")]
    pub(crate) took: Duration,
    /// The error, if there is no connection.
    #[serde(rename = "error")]
    pub(crate) failure: Option<Failure>,
}

/// The TLS session.
#[derive(Debug, Serialize)]
pub(crate) struct TlsReport {
    pub(crate) version: &'static str,
    pub(crate) cipher_suite: &'static str,
    pub(crate) alpn: Option<String>,
    /// The certificates, the server's own first.
    pub(crate) certificates: Vec<Presented>,
}

impl Probe {
    fn check(flags: &ProbeFlags) -> Result<Self, Refusal> {
        // The target is not repeated: it may contain a password.
        let target = target::parse(&flags.target)
            .map_err(|error| format!("TARGET can not be probed: {error}"))?;
        let scheme = target.host().scheme();
        let recorder = Recorder::default();
        let notes = recorder.clone();
        let mut net = network::net(&flags.network)?.observe(move |_, event| notes.note(event));
        let alpn = flags.alpn.is_some().then_some("--alpn");
        if target::is_tls(scheme) {
            let usual = target::usual_protocols(scheme)
                .iter()
                .map(ToString::to_string);
            let offered = flags.alpn.clone().unwrap_or_else(|| usual.collect());
            let builder = tls::chosen(&flags.network.tls)?.alpn(offered);
            net = net.tls_scheme(scheme, tls::build(builder)?);
        } else if let Some(flag) = alpn.or(tls::flag(&flags.network.tls)) {
            return Err(format!(
                "{flag} is for TLS, and {scheme} is probed without it; \
                 give a scheme that means TLS, such as https or tls"
            )
            .into());
        }
        let mut builder = Manager::builder()
            .timeout(flags.timeout)
            .close_timeout(GOODBYE);
        for &address in &flags.network.bind {
            builder = builder.bind_address(address);
        }
        let forwarder = net.forwarder(target.host());
        Ok(Self {
            manager: builder.connector(net).build()?,
            target,
            forwarder,
            recorder,
        })
    }

    /// Opens the connection and closes it, unless a signal ends the probe.
    async fn open(self, interrupt: &mut Interrupt) -> (Report, Exit) {
        self.recorder.elapsed();
        let request = self.forwarder.as_ref().map(Forwarder::request);
        let request = request.unwrap_or(&self.target);
        let answer = tokio::select! {
            answer = self.manager.allocate(request) => Ok(answer),
            signal = interrupt.raised() => Err(signal),
        };
        let (mut path, took) = self.recorder.finish();
        path.is_forwarded = self.forwarder.is_some();
        let mut report = Report {
            target: self.target.host().to_string(),
            connected: false,
            path,
            tls: None,
            timing: Timing::default(),
            took,
            failure: None,
        };
        let exit = match answer {
            Ok(Ok(lease)) => {
                report.connected = true;
                report.timing = lease.timing();
                report.tls = lease.tls().map(TlsReport::of);
                lease.close();
                Exit::Success
            }
            Ok(Err(error)) => {
                report.timing = error.timing();
                report.failure = Some(Failure::from(&error));
                Exit::Failed
            }
            Err(signal) => {
                report.failure = Some(Failure::interrupted(signal));
                Exit::Signal(signal)
            }
        };
        let _still_leased = self.manager.shutdown().within(GOODBYE).await;
        (report, exit)
    }
}

impl TlsReport {
    fn of(info: TlsInfo<'_>) -> Self {
        let alpn = info.alpn().map(String::from_utf8_lossy);
        Self {
            version: info.version(),
            cipher_suite: info.cipher_suite(),
            alpn: alpn.map(String::from),
            certificates: info.peer_certificates().map(Presented::read).collect(),
        }
    }
}
