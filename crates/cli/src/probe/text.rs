//! Formats a probe's report as text.

use std::fmt::Write;
use std::net::IpAddr;

use anstyle::Style;
use keepalive::{Families, Origin};

use crate::console::{ALARM, HEADING, harmless, styled};
use crate::duration::shown;
use crate::probe::certificate::{Certificate, Presented};
use crate::probe::path::{Lookup, Outcome};
use crate::probe::{Report, TlsReport, stages, timeline};
use crate::timing::phases;

/// Formats the report without its error.
pub(crate) fn of(report: &Report) -> String {
    let mut text = Text {
        lines: format!("{}\n", styled(HEADING, &report.target)),
    };
    text.gap();
    for lookup in &report.path.lookups {
        text.line("addresses", &addresses(lookup));
    }
    if let Some(proxy) = &report.path.proxy {
        let ends = match report.path.is_forwarded {
            true => ", which forwards requests; nothing beyond it is probed",
            false => "",
        };
        text.line("proxy", &format!("{proxy}{ends}"));
    }
    let mut reached = report.path.tries.iter();
    if let Some(one) = reached.rfind(|one| one.outcome == Outcome::Connected) {
        text.line("reached", &one.what.address.to_string());
    }
    let last = match (&report.failure, &report.tls) {
        (Some(failure), _) => Err(failure),
        (None, Some(tls)) => Ok(tls.version),
        (None, None) => Ok("done"),
    };
    let stages = stages::of(&report.path, &report.timing, last);
    if !stages.is_empty() {
        text.gap();
        text.lines.push_str(&timeline::draw(&stages));
    }
    text.gap();
    if let Some(tls) = &report.tls {
        text.tls(tls);
    }
    text.line("times", &times(report));
    text.lines
}

struct Text {
    lines: String,
}

impl Text {
    /// Adds an empty line, unless there is one.
    fn gap(&mut self) {
        if !self.lines.ends_with("\n\n") {
            self.lines.push('\n');
        }
    }

    fn line(&mut self, name: &str, value: &str) {
        self.styled(HEADING, name, value);
    }

    fn styled(&mut self, style: Style, name: &str, value: &str) {
        let value = harmless(value);
        // Writing to a string does not fail.
        let _ = writeln!(self.lines, "{style}{name:12}{style:#}{value}");
    }

    fn tls(&mut self, tls: &TlsReport) {
        self.line("tls", &format!("{}, {}", tls.version, tls.cipher_suite));
        self.line("alpn", tls.alpn.as_deref().unwrap_or("none"));
        match tls.certificates.first() {
            Some(Presented::Read(certificate)) => self.certificate(certificate),
            Some(Presented::Unreadable { error }) => {
                self.styled(ALARM, "certificate", &format!("can not be read: {error}"));
            }
            None => self.line("certificate", "none was sent"),
        }
    }

    fn certificate(&mut self, certificate: &Certificate) {
        let subject = match certificate.subject.is_empty() {
            true => "(no subject)",
            false => &certificate.subject,
        };
        self.line("certificate", subject);
        if !certificate.names.is_empty() {
            self.line("  names", &certificate.names.join(", "));
        }
        self.line("  issuer", &certificate.issuer);
        let until = &certificate.not_after;
        match certificate.days_left {
            days @ ..0 => self.styled(
                ALARM,
                "  expired",
                &format!("{until} ({} ago)", days_of(-days)),
            ),
            days => self.line("  expires", &format!("{until} (in {})", days_of(days))),
        }
    }
}

fn days_of(days: i64) -> String {
    match days {
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}

fn addresses(lookup: &Lookup) -> String {
    let name = &lookup.what.name;
    let wanted = match lookup.what.families {
        Families::Both => "addresses".to_owned(),
        one => format!("{one} addresses"),
    };
    let found = match (&lookup.error, lookup.outcome) {
        (Some(error), _) => error.error_str.clone(),
        (_, Outcome::GivenUp) => return format!("{name}: {wanted} were not needed"),
        (_, Outcome::Unanswered) => return format!("{name}: nobody answered with its {wanted}"),
        _ => {
            let list = lookup.found.addresses.iter().map(IpAddr::to_string);
            list.collect::<Vec<_>>().join(", ")
        }
    };
    let by = match lookup.found.origin {
        Some(Origin::Given) => "by --resolve",
        Some(Origin::Kept) => "looked up before",
        _ => "by the system's resolver",
    };
    format!("{name}: {found} ({by})")
}

fn times(report: &Report) -> String {
    let phases = phases(&report.timing).into_iter();
    let gone_through = phases.filter(|(_, took)| !took.is_zero());
    let mut list: Vec<String> = gone_through
        .map(|(phase, took)| format!("{phase} {}", shown(took)))
        .collect();
    list.push(format!("in all {}", shown(report.took)));
    list.join(", ")
}
