//! The command line as it is typed; [`crate::fetch::options`] makes of it what runs.

mod body;
mod http;
mod network;
mod output;

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Parser, Subcommand};

use crate::duration;
use crate::number;

pub(crate) use self::body::BodyFlags;
pub(crate) use self::http::HttpFlags;
pub(crate) use self::network::{NetworkFlags, TlsFlags};
pub(crate) use self::output::OutputFlags;

const EXIT_CODES: &str = "\
Exit codes:
  0    everything was fetched (an answer with an error status such as 404 counts, unless --fail)
  1    something was not fetched, a line of the input is no URL, or a result could not be written
  2    the command line, or a file that it names, can not be used; nothing was fetched
  130  Ctrl-C, and 143 SIGTERM; the summary so far was printed";

const FETCH_BRIEF: &str = "\
Exit codes: 0 all was fetched, 1 something was not, 2 wrong usage, 130 Ctrl-C, 143 SIGTERM";

const PROBE_EXIT_CODES: &str = "\
Exit codes:
  0    the connection was opened
  1    it was not, or what was found could not be written
  2    the command line, or a file that it names, can not be used; nothing was connected to
  130  Ctrl-C, and 143 SIGTERM; what was found so far was printed";

const PROBE_NOTES: &str = "\
In the timeline, = is a step that led on, - one that was given up because another was first, and x \
one that failed. All times are counted from the beginning.

Durations are a number and a unit (500ms, 15s, 2m, 1h30m); a bare number is seconds.";

const FETCH_NOTES: &str = "\
Input files have one URL a line; empty lines and lines that start with '#' are skipped. A bad line \
is reported with its number and the rest goes on. Input is read as it is needed, so it may be of any \
length.

Limits files have one host a line, and what is different for it:
  https://example.com    max-per-host 2
  http://127.0.0.1:8080  max-per-host 16
Empty lines and lines that start with '#' are skipped.

Durations are a number and a unit (500ms, 15s, 2m, 1h30m); a bare number is seconds.

Lines of --jsonl come in the order in which fetches end; number is the place in the input. Times in \
them are microseconds, and what is not known is null.

A single URL's body goes to standard output, without a summary. Of several, bodies are dropped \
unless --output, -O or --include asks for them, and the summary goes to standard output, or to \
standard error if something else is there. In it a request waits \
from asking for a connection until it has one; opened, immediate and deferred count the answers that \
came on a new connection, on an idle one, and on one that another request gave back meanwhile. What \
was redirected is counted at the host that was asked first. Bytes are those of bodies, as they were \
sent; what --compressed has unpacked is told beside them.";

/// Fetch URLs through one connection manager that limits, queues and reuses connections.
#[derive(Debug, Parser)]
#[command(name = "keepalive", version, after_help = EXIT_CODES, args_override_self = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write the body of a URL, or fetch many and show how connections were used.
    #[command(disable_help_flag = true, next_help_heading = "Input and limits")]
    #[command(after_help = FETCH_BRIEF, after_long_help = format!("{FETCH_NOTES}\n\n{EXIT_CODES}"))]
    Fetch(Box<FetchFlags>),
    /// Open one connection, and show the way that it took.
    ///
    /// It shows the addresses found, each attempt to connect with its time, what TLS came to, the
    /// certificate, and how long each phase took. Nothing is sent to the server but what TLS and a
    /// proxy need. The exit code is 0 if the connection was opened.
    #[command(after_help = PROBE_EXIT_CODES, after_long_help = format!("{PROBE_NOTES}\n\n{PROBE_EXIT_CODES}"))]
    Probe(Box<ProbeFlags>),
    /// Fetch from small servers on this machine under tight limits, and explain what was seen.
    ///
    /// Needs no network. The exit code is 0 if everything was fetched and no server ever counted
    /// more connections than the limits allow.
    Demo(DemoFlags),
}

#[derive(Debug, clap::Args)]
pub(crate) struct FetchFlags {
    /// What to fetch, by http or https; without a scheme it is http.
    #[arg(value_name = "URL", hide_short_help = true)]
    pub(crate) urls: Vec<String>,

    /// Read URLs from FILE, one a line; `-` is standard input.
    ///
    /// It may be given more than once.
    #[arg(long, value_name = "FILE")]
    pub(crate) input: Vec<PathBuf>,

    /// Have at most N connections to a host.
    ///
    /// Idle ones are included.
    #[arg(long, value_name = "N", default_value = "4", value_parser = number::from_one::<NonZeroUsize>)]
    pub(crate) max_per_host: NonZeroUsize,

    /// Have at most N connections in all.
    ///
    /// Idle ones are included. It is lowered if there are not as many file descriptors.
    #[arg(long, value_name = "N", default_value = "128", value_parser = number::from_one::<NonZeroUsize>)]
    pub(crate) max_open: NonZeroUsize,

    /// Close a connection idle for this long; 0 reuses none.
    #[arg(long, value_name = "TIME", default_value = "15s", value_parser = duration::parse)]
    pub(crate) keep_alive: Duration,

    /// Give up a fetch after this long.
    ///
    /// Waiting, connecting and the whole answer are in it. It may be 10 ms more, so that
    /// the error can name the phase.
    #[arg(long, value_name = "TIME", default_value = "120s", value_parser = duration::parse_above_zero)]
    pub(crate) timeout: Duration,

    /// Take other limits for the hosts in FILE: URL max-per-host N.
    #[arg(long, value_name = "FILE")]
    pub(crate) limits: Option<PathBuf>,

    /// Fetch every URL N times.
    #[arg(long, value_name = "N", default_value = "1", value_parser = number::from_one::<NonZeroU64>)]
    pub(crate) repeat: NonZeroU64,

    /// Have at most N fetches under way (by default 4 x max-open).
    ///
    /// The input is read ahead by 16 MiB at most. A host that is slow does not hold up the others:
    /// the host with the fewest fetches under way is next, and while more input may come, a host
    /// begins another only while as many jobs are free as it has. Of one host, fetches begin in the
    /// order of the input.
    #[arg(long, value_name = "N", value_parser = number::from_one::<NonZeroUsize>)]
    pub(crate) jobs: Option<NonZeroUsize>,

    #[command(flatten)]
    pub(crate) output: OutputFlags,

    #[command(flatten)]
    pub(crate) http: HttpFlags,

    #[command(flatten)]
    pub(crate) network: NetworkFlags,

    /// Print this.
    #[arg(short, long, action = ArgAction::HelpShort, help_heading = "Help")]
    help: Option<bool>,

    /// Print all there is to know of each flag, files and the summary.
    #[arg(long, action = ArgAction::HelpLong, help_heading = "Help")]
    manual: Option<bool>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ProbeFlags {
    /// What to connect to: a URL, scheme://host:port, or unix:/path.
    ///
    /// A scheme that means TLS, such as tls, https, imaps or rediss, is probed with TLS, and any
    /// other as plain TCP, where --alpn and the flags of TLS are an error. Only http, https, ws and
    /// wss have a port by default.
    #[arg(value_name = "TARGET")]
    pub(crate) target: String,

    /// Give up after this long.
    #[arg(long, value_name = "TIME", default_value = "15s", value_parser = duration::parse_above_zero)]
    pub(crate) timeout: Duration,

    /// Offer these application protocols by TLS, with commas between them, the preferred one first
    /// (by default h2,http/1.1 for https, http/1.1 for wss, and none for other schemes).
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) alpn: Option<Vec<String>>,

    /// Write all of it as one JSON object to standard output, with times in microseconds.
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) network: NetworkFlags,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DemoFlags {
    /// URLs to fetch in all.
    #[arg(long, value_name = "N", default_value = "6000", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) requests: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        <Args as clap::CommandFactory>::command().debug_assert();
    }
}
