//! The definition of the command line.

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
  0    everything was fetched (an error status such as 404 counts as fetched, unless --fail)
  1    a fetch failed, a line of the input is no URL, or a result could not be written
  2    the command line, or a file that it names, can not be used; nothing was fetched
  130  Ctrl-C, and 143 SIGTERM; the summary so far was printed";

const FETCH_BRIEF: &str = "\
Exit codes: 0 all was fetched, 1 a fetch failed, 2 wrong usage, 130 Ctrl-C, 143 SIGTERM";

const PROBE_EXIT_CODES: &str = "\
Exit codes:
  0    the connection was opened
  1    it was not, or the result could not be written
  2    the command line, or a file that it names, can not be used; nothing was connected to
  130  Ctrl-C, and 143 SIGTERM; the result so far was printed";

const PROBE_NOTES: &str = "\
In the timeline, = is a step that succeeded, - one that was cancelled because another was faster, \
and x one that failed. All times count from the start.

Durations are a number and a unit (500ms, 15s, 2m, 1h30m); a bare number is seconds.";

const FETCH_NOTES: &str = "\
Input files have one URL a line; empty lines and lines that start with '#' are skipped. A bad line \
is reported with its number, and the rest is fetched. Input is read as needed, so it may be of \
any length.

Limits files have one host a line, with its limit:
  https://example.com    max-per-host 2
  http://127.0.0.1:8080  max-per-host 16
Empty lines and lines that start with '#' are skipped.

Durations are a number and a unit (500ms, 15s, 2m, 1h30m); a bare number is seconds.

Lines of --jsonl come in the order in which fetches end; number is the place in the input. Times \
are microseconds, and unknown values are null.

The body of a single URL goes to standard output, without a summary. With several URLs, bodies are \
dropped unless --output, -O or --include is given. Their summary goes to standard output, or to \
standard error if standard output has bodies or lines of JSON.

In the summary, opened counts the responses on a new connection, immediate those on an idle one, and \
deferred those on a connection that another request returned meanwhile. The wait is the time from \
asking for a connection until it is there. A redirected fetch counts for its first host. Sizes are \
those of bodies as sent; --compressed adds the unpacked size.";

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
    /// Open one connection, and show each step to it.
    ///
    /// It shows the addresses found, each attempt to connect with its time, the TLS session, the
    /// certificate, and the time of each phase. The server gets only the handshakes of TLS and a
    /// proxy. The exit code is 0 if the connection was opened.
    #[command(after_help = PROBE_EXIT_CODES, after_long_help = format!("{PROBE_NOTES}\n\n{PROBE_EXIT_CODES}"))]
    Probe(Box<ProbeFlags>),
    /// Fetch from small servers on this machine under tight limits, and explain the result.
    ///
    /// Needs no network. The exit code is 0 if everything was fetched and no server ever counted
    /// more connections than the limits allow.
    Demo(DemoFlags),
}

#[derive(Debug, clap::Args)]
pub(crate) struct FetchFlags {
    /// The URLs to fetch, of http or https; without a scheme it is http.
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
    /// Idle ones are included. With too few file descriptors, the limit is lowered.
    #[arg(long, value_name = "N", default_value = "128", value_parser = number::from_one::<NonZeroUsize>)]
    pub(crate) max_open: NonZeroUsize,

    /// Close a connection idle for this long; 0 reuses none.
    #[arg(long, value_name = "TIME", default_value = "15s", value_parser = duration::parse)]
    pub(crate) keep_alive: Duration,

    /// Give up a fetch after this long.
    ///
    /// It includes waiting, connecting and the whole response. It may be 10 ms more, so that the
    /// error can name the phase.
    #[arg(long, value_name = "TIME", default_value = "120s", value_parser = duration::parse_above_zero)]
    pub(crate) timeout: Duration,

    /// Use other limits for the hosts in FILE: URL max-per-host N.
    #[arg(long, value_name = "FILE")]
    pub(crate) limits: Option<PathBuf>,

    /// Fetch every URL N times.
    #[arg(long, value_name = "N", default_value = "1", value_parser = number::from_one::<NonZeroU64>)]
    pub(crate) repeat: NonZeroU64,

    /// Have at most N fetches under way (by default 4 x max-open).
    ///
    /// The input is read ahead by 16 MiB at most. A slow host does not delay the others: the host
    /// with the fewest fetches under way is next. While more input may come, a host starts another
    /// fetch only if more jobs are free than it has under way. The fetches of one host start in the
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

    /// Print all details of flags, files and the summary.
    #[arg(long, action = ArgAction::HelpLong, help_heading = "Help")]
    manual: Option<bool>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ProbeFlags {
    /// The server: a URL, scheme://host:port, or unix:/path.
    ///
    /// A scheme that means TLS, such as tls, https, imaps or rediss, is probed with TLS. Any other
    /// is probed as plain TCP, where --alpn and the flags of TLS are an error. Only http, https, ws
    /// and wss have a default port.
    #[arg(value_name = "TARGET")]
    pub(crate) target: String,

    /// Give up after this long.
    #[arg(long, value_name = "TIME", default_value = "15s", value_parser = duration::parse_above_zero)]
    pub(crate) timeout: Duration,

    /// Offer these application protocols by TLS, separated by commas, the preferred one first.
    ///
    /// The default is h2,http/1.1 for https, http/1.1 for wss, and none for other schemes.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) alpn: Option<Vec<String>>,

    /// Write the result as one JSON object to standard output, with times in microseconds.
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
    fn the_definition_of_the_command_line_is_consistent() {
        <Args as clap::CommandFactory>::command().debug_assert();
    }
}
