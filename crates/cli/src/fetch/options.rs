//! Checks the flags of `keepalive fetch`, and opens the files that they name.

use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf, is_separator};
use std::sync::Mutex;

use keepalive::{Connector, Manager};
use keepalive_http::{Client, Http};

use crate::args::FetchFlags;
use crate::console::{self, Stream};
use crate::exit::Refusal;
use crate::fetch::HttpManager;
use crate::fetch::exchange::Exchanges;
use crate::fetch::exchange::trail::Shows;
use crate::fetch::fetcher::Fetcher;
use crate::fetch::input::Source;
use crate::fetch::message::Message;
use crate::fetch::message::payload::Files;
use crate::fetch::output::Output;
use crate::fetch::pace::Pace;
use crate::fetch::report::Destination;
use crate::fetch::run::Run;
use crate::fetch::target::{Target, TargetError};
use crate::fetch::{descriptors, host_limits};
use crate::network;
use crate::platform;

/// Checks the flags, builds the manager and opens every file that the flags name.
///
/// It also returns the stream of the summary; a single body has none by default.
pub(crate) fn check(flags: &FetchFlags) -> Result<(Run, Option<Stream>), Refusal> {
    let manager = manager(flags)?;
    let jobs = match flags.jobs {
        Some(jobs) => jobs.get(),
        None => flags.max_open.get().saturating_mul(4),
    };
    let sources = sources(&flags.urls, &flags.input)?;
    let mut files = Files {
        stdin_is_taken: flags.input.iter().any(|path| is_standard(path)),
        read: files_read(flags).cloned().collect(),
    };
    let http = &flags.http;
    let message = Message::check(http, &mut files)?;
    let output = output(flags, &files)?;
    let report = flags.output.jsonl.as_deref();
    let report = report.map(|path| destination(path, flags, &files));
    let report = report.transpose()?;
    let summary = summary(flags, output.as_ref());
    let run = Run {
        sources,
        progress: !flags.output.verbose && !matches!(output, Some(Output::Standard { .. })),
        fetcher: Fetcher {
            exchanges: Exchanges {
                client: Client::new(manager.clone()).retries(http.resend),
                message,
                redirects: http.location.then_some(http.max_redirects),
                keeps_cookies: http.cookie.is_some(),
                unpack: http.compressed,
                assumes_http2: http.http2,
            },
            timeout: flags.timeout,
            error_statuses_fail: flags.output.fail,
            output,
            max_size: http.max_filesize,
            retry: http.retry,
            pace: http.rate.map(Pace::new),
            limit_rate: http.limit_rate.map(|rate| rate.max(1)),
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
    };
    Ok((run, summary))
}

fn manager(flags: &FetchFlags) -> Result<HttpManager, Refusal> {
    let net = network::with_tls(&flags.network)?;
    let limits = flags.limits.as_deref().map(host_limits::read).transpose()?;
    let mut builder = Manager::builder()
        .max_per_host(flags.max_per_host.get())
        .max_open(max_open(flags))
        .keep_alive(flags.keep_alive)
        .timeout(flags.timeout);
    for (host, connections) in &limits.unwrap_or_default() {
        builder = builder.max_per_host_of(host, *connections);
        // A line of the file may be about a forwarding proxy, which is the host that connections
        // are opened to.
        if let Some(forwarder) = net.forwarder(host) {
            let proxy = forwarder.request().host();
            if (proxy.address(), proxy.port()) == (host.address(), host.port()) {
                builder = builder.max_per_host_of(proxy, *connections);
            }
        }
    }
    for &address in &flags.network.bind {
        builder = builder.bind_address(address);
    }
    let http = Http::over(net);
    let http = match (flags.http.http1_1, flags.http.http2) {
        (true, _) => http.http1_only(),
        (_, true) => http.http2_only(),
        _ => http,
    };
    Ok(builder.connector(http).build()?)
}

fn is_single(flags: &FetchFlags) -> bool {
    flags.urls.len() == 1 && flags.input.is_empty() && flags.repeat.get() == 1
}

/// The limit on connections, lowered if there are too few descriptors.
fn max_open(flags: &FetchFlags) -> usize {
    let has_file = flags.output.output.is_some() || flags.output.remote_name;
    // One for the socket, and one for the file of the body.
    let each = 1 + u64::from(has_file);
    descriptors::fit(flags.max_open.get(), each).unwrap_or_else(|(fitting, message)| {
        // A single URL never needs so many.
        if !is_single(flags) {
            console::complain(message);
        }
        fitting
    })
}

/// The destination of bodies. Standard output gets the body of a single URL unless a flag names
/// another place. With --include, it gets all bodies.
fn output(flags: &FetchFlags, files: &Files) -> Result<Option<Output>, Refusal> {
    let lines_go_there = flags.output.jsonl.as_deref().is_some_and(is_standard);
    let standard = |text_only| match lines_go_there {
        true => Err(
            "standard output is for the lines of --jsonl; give them, or what --output and \
             --include write, a FILE"
                .to_owned(),
        ),
        false => Output::standard(text_only)
            .map_err(|error| format!("can not write to standard output: {error}")),
    };
    let output = match &flags.output.output {
        Some(path) if is_standard(path) => standard(false)?,
        Some(path) if is_single(flags) && !is_folder(path) => {
            check_overwriting("--output", path, files)?;
            Output::file(path).map_err(|error| fault("write", path, &error))?
        }
        Some(path) => {
            Output::folder(path).map_err(|error| fault("create the folder", path, &error))?
        }
        None if flags.output.remote_name => Output::RemoteNames(Mutex::default()),
        None if flags.output.include => standard(true)?,
        None if is_single(flags) && !lines_go_there => standard(true)?,
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

fn sources(urls: &[String], files: &[PathBuf]) -> Result<Vec<Source>, Refusal> {
    if urls.is_empty() && files.is_empty() {
        return Err("nothing to fetch: give a URL, or a file of URLs with --input".into());
    }
    if files.iter().filter(|path| is_standard(path)).count() > 1 {
        return Err("standard input can be read only once".into());
    }
    let targets = urls.iter().zip(1..).map(|(url, number)| {
        // The URL is not repeated: it may contain a password.
        url.parse()
            .map_err(|problem: TargetError| format!("URL {number} of the command line: {problem}"))
    });
    let targets: Vec<Target> = targets.collect::<Result<_, String>>()?;
    let mut sources = vec![Source::Targets(Box::new(targets.into_iter()))];
    for path in files {
        sources.push(lines(path)?);
    }
    Ok(sources)
}

fn lines(path: &Path) -> Result<Source, Refusal> {
    let (name, file) = match is_standard(path) {
        true => ("standard input".to_owned(), platform::standard_input()),
        false => (path.display().to_string(), File::open(path)),
    };
    let file = file.map_err(|error| fault("read", path, &error))?;
    // A pipe has no length.
    let metadata = file.metadata().ok().filter(Metadata::is_file);
    Ok(Source::Lines {
        name,
        length: metadata.map(|metadata| metadata.len()),
        reader: Box::new(file),
    })
}

fn destination(path: &Path, flags: &FetchFlags, files: &Files) -> Result<Destination, Refusal> {
    if is_standard(path) {
        return Ok(("standard output".to_owned(), Box::new(io::stdout())));
    }
    check_overwriting("--jsonl", path, files)?;
    let file = File::create(path).map_err(|error| fault("write", path, &error))?;
    let output = flags.output.output.as_deref();
    if output.is_some_and(|output| is_same_file(output, path)) {
        let path = path.display();
        return Err(format!("--jsonl and --output would both write to {path}").into());
    }
    Ok((path.display().to_string(), Box::new(file)))
}

/// Refuses to write to a file that the run reads.
fn check_overwriting(flag: &str, path: &Path, files: &Files) -> Result<(), Refusal> {
    match files.read.iter().find(|read| is_same_file(read, path)) {
        None => Ok(()),
        Some(read) => {
            let read = read.display();
            Err(format!("{flag} would write over {read}, which is to be read").into())
        }
    }
}

/// Whether `path` is an existing folder, or ends in a slash.
fn is_folder(path: &Path) -> bool {
    path.is_dir() || path.to_string_lossy().ends_with(is_separator)
}

/// The files that the run reads, besides those of bodies.
fn files_read(flags: &FetchFlags) -> impl Iterator<Item = &PathBuf> {
    let tls = &flags.network.tls;
    let paths = flags.input.iter().chain(&flags.limits);
    paths.chain(&tls.cacert).chain(&tls.cert).chain(&tls.key)
}

/// Whether both paths name one regular file. Opening anything else, such as a pipe, could block.
fn is_same_file(one: &Path, other: &Path) -> bool {
    one.is_file() && other.is_file() && same_file::is_same_file(one, other).unwrap_or(false)
}

fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn fault(what: &str, path: &Path, error: &io::Error) -> String {
    format!("can not {what} {}: {error}", path.display())
}
