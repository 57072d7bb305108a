//! `keepalive probe`: opens one connection, and shows each step to it.
//!
//! `target` parses the server to probe, and `path` records the lookups and attempts. `text` and
//! `json` print the report; `stages` and `timeline` draw the steps, `certificate` reads DER.

mod certificate;
mod json;
mod path;
mod stages;
mod target;
mod text;
mod timeline;

use std::time::Duration;

use keepalive::{
    AllocateError, ConfigError, Connector, Forwarder, Lease, Manager, NetStream, Request, Timing,
    TlsInfo,
};

use crate::args::ProbeFlags;
use crate::console::{self, Stream};
use crate::exit::{Exit, GOODBYE};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::network::{self, NetworkError};
use crate::probe::certificate::Certificate;
use crate::probe::path::{Path, Recorder};
use crate::probe::target::{Target, TargetError};
use crate::tls::{self, TlsError};

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
        true => console::print_raw(&json::of(&report)),
        false => console::print(Stream::Output, &text::of(&report)),
    };
    if let Some(failure) = &report.failure {
        console::complain(format_args!("{}: {failure}", report.host));
    }
    console::exit_after(printed, exit)
}

/// A flag can not be used.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    // The target is not repeated: it may contain a password.
    #[error("TARGET can not be probed: {0}")]
    Target(#[from] TargetError),
    #[error("{0}")]
    Network(#[from] NetworkError),
    #[error("{0}")]
    Tls(#[from] TlsError),
    #[error("{0}")]
    Limit(#[from] ConfigError),
    #[error(
        "{flag} is for TLS, and {scheme} is probed without it; \
         give a scheme that means TLS, such as https or tls"
    )]
    WithoutTls { flag: &'static str, scheme: String },
}

/// A probe that has not started.
struct Probe {
    manager: Manager,
    target: Request,
    /// The forwarding proxy for the target, which is connected to in its place.
    forwarder: Option<Forwarder>,
    recorder: Recorder,
}

/// The result of a probe.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) host: String,
    pub(crate) path: Path,
    /// Whether the path ends at a forwarding proxy.
    pub(crate) is_forwarded: bool,
    pub(crate) timing: Timing,
    /// The time from the request for a connection to its outcome.
    pub(crate) took: Duration,
    pub(crate) tls: Option<TlsReport>,
    /// The error, if there is no connection.
    pub(crate) failure: Option<Failure>,
}

/// The TLS session.
#[derive(Debug)]
pub(crate) struct TlsReport {
    pub(crate) version: &'static str,
    pub(crate) cipher_suite: &'static str,
    pub(crate) alpn: Option<String>,
    /// The certificates, the server's own first; for an unreadable one, the reason.
    pub(crate) certificates: Vec<Result<Certificate, String>>,
}

impl Probe {
    fn check(flags: &ProbeFlags) -> Result<Self, Refusal> {
        let target: Target = flags.target.parse()?;
        let recorder = Recorder::new();
        let notes = recorder.clone();
        let mut net = network::net(&flags.network)?.observe(move |_, event| notes.note(event));
        if target.is_tls() {
            let usual = target.usual_protocols().iter().map(ToString::to_string);
            let offered = flags.alpn.clone().unwrap_or_else(|| usual.collect());
            let builder = tls::chosen(&flags.network.tls)?.alpn(offered);
            net = net.tls_scheme(target.scheme(), tls::build(builder)?);
        } else if let Some(flag) = tls_flag(flags) {
            let scheme = target.scheme().to_owned();
            return Err(Refusal::WithoutTls { flag, scheme });
        }
        let mut builder = Manager::builder()
            .timeout(flags.timeout)
            .close_timeout(GOODBYE);
        for &address in &flags.network.bind {
            builder = builder.bind_address(address);
        }
        let forwarder = net.forwarder(target.request.host());
        Ok(Self {
            manager: builder.connector(net).build()?,
            target: target.request,
            forwarder,
            recorder,
        })
    }

    /// Opens the connection and closes it, unless a signal ends the probe.
    async fn open(self, interrupt: &mut Interrupt) -> (Report, Exit) {
        self.recorder.begin();
        let request = self.forwarder.as_ref().map(Forwarder::request);
        let request = request.unwrap_or(&self.target);
        let answer = tokio::select! {
            answer = self.manager.allocate(request) => Ok(answer),
            signal = interrupt.raised() => Err(signal),
        };
        let (path, took) = self.recorder.finish();
        let mut report = Report {
            host: self.target.host().to_string(),
            path,
            is_forwarded: self.forwarder.is_some(),
            timing: Timing::default(),
            took,
            tls: None,
            failure: None,
        };
        let exit = match answer {
            Ok(Ok(lease)) => {
                report.opened(&lease);
                lease.close();
                Exit::Success
            }
            Ok(Err(error)) => {
                report.failed(&error);
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

/// The first flag of TLS that was given.
fn tls_flag(flags: &ProbeFlags) -> Option<&'static str> {
    let alpn = flags.alpn.is_some().then_some("--alpn");
    alpn.or(tls::flag(&flags.network.tls))
}

impl Report {
    fn opened(&mut self, lease: &Lease) {
        self.timing = lease.timing();
        let stream: &NetStream = lease;
        self.tls = stream.tls().map(TlsReport::of);
    }

    fn failed(&mut self, error: &AllocateError) {
        self.timing = error.timing();
        self.failure = Some(Failure::from(error));
    }
}

impl TlsReport {
    fn of(info: TlsInfo<'_>) -> Self {
        let alpn = info.alpn().map(String::from_utf8_lossy);
        let certificates = info.peer_certificates();
        let certificates =
            certificates.map(|der| Certificate::read(der).map_err(|error| error.to_string()));
        Self {
            version: info.version(),
            cipher_suite: info.cipher_suite(),
            alpn: alpn.map(String::from),
            certificates: certificates.collect(),
        }
    }
}
