//! Checks the flags of `keepalive fetch`, and opens the files that they name.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use keepalive::ConfigError;

use crate::args::{FetchFlags, HttpFlags};
use crate::console::{self, Stream};
use crate::fetch::descriptors::{self, Each};
use crate::fetch::exchange::trail::Shows;
use crate::fetch::exchange::{Exchanges, Terms};
use crate::fetch::fetcher::Fetcher;
use crate::fetch::host_limits::{self, HostLimitsError};
use crate::fetch::input::Source;
use crate::fetch::limits::{HttpManager, Limits, Versions};
use crate::fetch::message::payload::{self, Stdin};
use crate::fetch::message::{Message, MessageError};
use crate::fetch::output::{Binary, Output};
use crate::fetch::pace::Pace;
use crate::fetch::report::Destination;
use crate::fetch::target::{Target, TargetError};
use crate::network::{self, NetworkError};

/// The checked flags, with the manager built and the files open.
pub(crate) struct Options {
    pub(crate) sources: Vec<Source>,
    pub(crate) manager: HttpManager,
    pub(crate) fetcher: Fetcher,
    pub(crate) repeat: u64,
    pub(crate) jobs: usize,
    pub(crate) report: Option<Destination>,
    /// The stream of the summary; a single body has none by default.
    pub(crate) summary: Option<Stream>,
    /// Whether to show a progress bar.
    pub(crate) progress: bool,
}

impl Options {
    /// Checks the flags, builds the manager and opens every file that the flags name.
    ///
    /// # Errors
    ///
    /// A flag or a file can not be used.
    pub(crate) fn check(flags: &FetchFlags) -> Result<Self, Refusal> {
        let net = network::with_tls(&flags.network)?;
        let of_hosts = flags.limits.as_deref().map(host_limits::read);
        let manager = Limits {
            max_per_host: flags.max_per_host.get(),
            of_hosts: of_hosts.transpose()?.unwrap_or_default(),
            max_open: max_open(flags),
            keep_alive: flags.keep_alive,
            timeout: flags.timeout,
            bind: flags.network.bind.clone(),
            versions: versions(&flags.http),
        }
        .manager(net)?;
        let jobs = match flags.jobs {
            Some(jobs) => jobs.get(),
            None => flags.max_open.get().saturating_mul(4),
        };
        let sources = sources(&flags.urls, &flags.input)?;
        let stdin = match flags.input.iter().any(|path| is_standard(path)) {
            true => Stdin::Taken,
            false => Stdin::Free,
        };
        let exchanges = Exchanges::new(&manager, terms(&flags.http, stdin)?);
        let output = output(flags)?;
        let report = flags.output.jsonl.as_deref();
        let report = report.map(|path| destination(path, flags)).transpose()?;
        Ok(Self {
            sources,
            summary: summary(flags, output.as_ref()),
            progress: !flags.output.verbose && !matches!(output, Some(Output::Standard { .. })),
            fetcher: Fetcher {
                exchanges,
                timeout: flags.timeout,
                error_statuses_fail: flags.output.fail,
                output,
                max_size: flags.http.max_filesize,
                retry: flags.http.retry,
                pace: flags.http.rate.map(Pace::new),
                limit_rate: flags.http.limit_rate.map(|rate| rate.max(1)),
                shows: Shows {
                    include: flags.output.include,
                    headers: flags.output.jsonl_headers,
                    verbose: flags.output.verbose,
                    numbers: !is_single(flags),
                },
            },
            manager,
            repeat: flags.repeat.get(),
            jobs,
            report,
        })
    }
}

/// Whether one URL is fetched once.
fn is_single(flags: &FetchFlags) -> bool {
    flags.urls.len() == 1 && flags.input.is_empty() && flags.repeat.get() == 1
}

/// The limit on connections, lowered if there are too few descriptors.
fn max_open(flags: &FetchFlags) -> usize {
    let each = match flags.output.output.is_some() || flags.output.remote_name {
        true => Each::SocketAndFile,
        false => Each::Socket,
    };
    descriptors::fit(flags.max_open.get(), each).unwrap_or_else(|lowered| {
        // A single URL never needs so many.
        if !is_single(flags) {
            console::complain(lowered);
        }
        lowered.max_open
    })
}

/// The length of a file; a pipe has none.
fn length(file: impl Into<File>) -> Option<u64> {
    let metadata = file.into().metadata().ok()?;
    metadata.is_file().then_some(metadata.len())
}

/// The destination of bodies. Standard output gets the body of a single URL unless a flag names
/// another place. With --include, it gets all bodies.
fn output(flags: &FetchFlags) -> Result<Option<Output>, Refusal> {
    let lines_go_there = flags.output.jsonl.as_deref().is_some_and(is_standard);
    let standard = |binary| match lines_go_there {
        true => Err(Refusal::StandardOutputTwice),
        false => Output::standard(binary).map_err(Refusal::StandardOutput),
    };
    let output = match &flags.output.output {
        Some(path) if is_standard(path) => standard(Binary::Everywhere)?,
        Some(path) if is_single(flags) && !is_folder(path) => {
            check_overwriting("--output", path, flags)?;
            Output::file(path).map_err(|error| refusal("write", path, error))?
        }
        Some(path) => {
            Output::folder(path).map_err(|error| refusal("create the folder", path, error))?
        }
        None if flags.output.remote_name => Output::remote_names(),
        None if flags.output.include => standard(Binary::NotOnTerminals)?,
        None if is_single(flags) && !lines_go_there => standard(Binary::NotOnTerminals)?,
        None => return Ok(None),
    };
    Ok(Some(output))
}

/// The stream of the summary: none for a single body, and never standard output if that has other
/// content.
fn summary(flags: &FetchFlags, output: Option<&Output>) -> Option<Stream> {
    let lines_go_there = flags.output.jsonl.as_deref().is_some_and(is_standard);
    match output {
        Some(Output::Folder(_)) | None if !lines_go_there => Some(Stream::Output),
        Some(Output::Folder(_)) | None => Some(Stream::Error),
        Some(_) if is_single(flags) => flags.output.summary.then_some(Stream::Error),
        Some(Output::Standard { .. }) => Some(Stream::Error),
        Some(_) if lines_go_there => Some(Stream::Error),
        Some(_) => Some(Stream::Output),
    }
}

/// A flag can not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("nothing to fetch: give a URL, or a file of URLs with --input")]
    NothingToFetch,
    // The URL is not repeated: it may contain a password.
    #[error("URL {number} of the command line: {problem}")]
    Url { number: usize, problem: TargetError },
    #[error("standard input can be read only once")]
    StandardInputTwice,
    #[error(
        "standard output is for the lines of --jsonl; give them, or what --output and --include \
         write, a FILE"
    )]
    StandardOutputTwice,
    #[error("can not write to standard output: {0}")]
    StandardOutput(io::Error),
    #[error("{flag} would write over {}, which is to be read", read.display())]
    WrittenOver { flag: &'static str, read: PathBuf },
    #[error("--jsonl and --output would both write to {}", path.display())]
    WrittenTwice { path: PathBuf },
    #[error("{0}")]
    Limit(#[from] ConfigError),
    #[error("{0}")]
    HostLimits(#[from] HostLimitsError),
    #[error("{0}")]
    Message(#[from] MessageError),
    #[error("{0}")]
    Network(#[from] NetworkError),
    #[error("can not {what} {}: {error}", path.display())]
    File {
        what: &'static str,
        path: PathBuf,
        error: io::Error,
    },
}

fn versions(flags: &HttpFlags) -> Versions {
    match (flags.http1_1, flags.http2) {
        (true, _) => Versions::One,
        (_, true) => Versions::Two,
        _ => Versions::Either,
    }
}

fn terms(flags: &HttpFlags, stdin: Stdin) -> Result<Terms, MessageError> {
    Ok(Terms {
        message: Message::check(flags, stdin)?,
        retries: Some(flags.resend),
        keeps_cookies: flags.cookie.is_some(),
        redirects: flags.location.then_some(flags.max_redirects),
        unpack: flags.compressed,
        assumes_http2: flags.http2,
    })
}

fn sources(urls: &[String], files: &[PathBuf]) -> Result<Vec<Source>, Refusal> {
    if urls.is_empty() && files.is_empty() {
        return Err(Refusal::NothingToFetch);
    }
    if files.iter().filter(|path| is_standard(path)).count() > 1 {
        return Err(Refusal::StandardInputTwice);
    }
    let targets = urls.iter().zip(1..).map(|(url, number)| {
        url.parse()
            .map_err(|problem| Refusal::Url { number, problem })
    });
    let targets: Vec<Target> = targets.collect::<Result<_, _>>()?;
    let mut sources = vec![Source::Targets(Box::new(targets.into_iter()))];
    for path in files {
        sources.push(lines(path)?);
    }
    Ok(sources)
}

fn lines(path: &Path) -> Result<Source, Refusal> {
    if is_standard(path) {
        return Ok(Source::Lines {
            name: "standard input".to_owned(),
            length: io::stdin()
                .as_fd()
                .try_clone_to_owned()
                .ok()
                .and_then(length),
            reader: Box::new(io::stdin()),
        });
    }
    let file = File::open(path).map_err(|error| refusal("read", path, error))?;
    Ok(Source::Lines {
        name: path.display().to_string(),
        length: file.try_clone().ok().and_then(length),
        reader: Box::new(file),
    })
}

fn destination(path: &Path, flags: &FetchFlags) -> Result<Destination, Refusal> {
    if is_standard(path) {
        return Ok(Destination::standard_output());
    }
    check_overwriting("--jsonl", path, flags)?;
    let file = File::create(path).map_err(|error| refusal("write", path, error))?;
    let output = flags.output.output.as_deref();
    match output.is_some_and(|output| is_same_file(output, path)) {
        true => Err(Refusal::WrittenTwice {
            path: path.to_owned(),
        }),
        false => Ok(Destination::file(path, file)),
    }
}

/// Refuses to write to a file that the run reads.
fn check_overwriting(flag: &'static str, path: &Path, flags: &FetchFlags) -> Result<(), Refusal> {
    match files_read(flags).find(|read| is_same_file(read, path)) {
        None => Ok(()),
        Some(read) => Err(Refusal::WrittenOver {
            flag,
            read: read.to_owned(),
        }),
    }
}

/// Whether `path` is an existing folder, or ends in a slash.
fn is_folder(path: &Path) -> bool {
    path.is_dir() || path.as_os_str().as_encoded_bytes().ends_with(b"/")
}

/// The files that the run reads.
fn files_read(flags: &FetchFlags) -> impl Iterator<Item = &Path> {
    let tls = &flags.network.tls;
    let data = payload::files(&flags.http.body);
    let paths = flags.input.iter().chain(&flags.limits);
    let paths = paths.chain(&tls.cacert).chain(&tls.cert).chain(&tls.key);
    paths.map(PathBuf::as_path).chain(data)
}

/// Whether both paths name one regular file. Opening anything else, such as a pipe, could block.
fn is_same_file(one: &Path, other: &Path) -> bool {
    one.is_file() && other.is_file() && same_file::is_same_file(one, other).unwrap_or(false)
}

fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn refusal(what: &'static str, path: &Path, error: io::Error) -> Refusal {
    let path = path.to_owned();
    Refusal::File { what, path, error }
}
