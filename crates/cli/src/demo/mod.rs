//! `keepalive demo`: many fetches over few connections, to servers that count them.

mod census;
mod server;

use std::io;
use std::sync::Arc;

use clap::Parser;
use indicatif::HumanCount;

use crate::args::{Args, Command, DemoFlags};
use crate::console::{self, Stream};
use crate::duration::shown;
use crate::exit::Exit;
use crate::fetch::input::Source;
use crate::fetch::run::Outcome;
use crate::fetch::target::Target;
use crate::fetch::{self, options};
use crate::interrupt::Interrupt;

use self::census::Census;
use self::server::Server;

const SERVERS: usize = 8;
const MAX_PER_HOST: usize = 3;
/// Half of the connections that the limit per host would allow.
const MAX_OPEN: usize = 12;
/// Enough fetches for a permanent queue.
const JOBS: usize = 400;

/// Starts the servers, fetches, and prints the summary with an explanation.
pub(crate) async fn run(flags: DemoFlags) -> Exit {
    match show(flags.requests).await {
        Ok(exit) => exit,
        Err(trouble) => {
            console::complain(trouble);
            Exit::Failed
        }
    }
}

async fn show(requests: u32) -> Result<Exit, String> {
    let census = Arc::new(Census::of(SERVERS));
    let servers = (0..SERVERS)
        .map(|index| Server::start(index, &census))
        .collect::<io::Result<Vec<_>>>()
        .map_err(|error| format!("can not start the servers: {error}"))?;
    let urls = servers
        .iter()
        .map(|server| format!("http://{}/", server.address));
    let urls: Vec<String> = urls.collect();
    let flags = format!(
        "keepalive fetch --fail --timeout 10s --max-per-host {MAX_PER_HOST} --max-open {MAX_OPEN} \
         --jobs {JOBS} {}",
        urls.join(" ")
    );
    let Command::Fetch(flags) = Args::parse_from(flags.split(' ')).command else {
        unreachable!("it is the command above");
    };
    let checked = options::check(&flags);
    let (mut run, _) = checked.map_err(|error| format!("can not start the fetches: {error}"))?;
    let targets = urls
        .iter()
        .map(|url| url.parse().expect("an address makes a URL"));
    let targets: Vec<Target> = targets.collect();
    // Those of the servers in turn.
    let targets = targets.into_iter().cycle().take(requests as usize);
    run.sources = vec![Source::Targets(Box::new(targets))];
    say(&format!(
        "{} URLs from {SERVERS} servers on this machine, with at most {MAX_PER_HOST} connections \
         to one of them and {MAX_OPEN} in all.\n\n",
        HumanCount(requests.into()),
    ))?;
    let outcome = run.finish(&mut Interrupt::listen()).await;
    say(&fetch::text(&outcome))?;
    let exit = fetch::conclude(&outcome);
    if outcome.stopped.is_some() {
        return Ok(exit);
    }
    let closed = servers.iter().map(|server| server.closed()).sum();
    say(&explanation(&outcome, &census, closed))?;
    if census.most() > MAX_OPEN || census.most_at_one() > MAX_PER_HOST {
        console::complain("the servers counted more connections than the limits allow");
        return Ok(Exit::Failed);
    }
    Ok(exit)
}

fn explanation(outcome: &Outcome, census: &Census, closed: u64) -> String {
    let total = &outcome.summary.total;
    let reused = total.immediate + total.deferred;
    let answered = (reused + total.opened).max(1);
    format!(
        "\n\
         Limits: the servers counted at most {} connections at once in all (limit {MAX_OPEN}), \
         and {} at one of them (limit {MAX_PER_HOST}).\n\
         Reuse:  {:.1} % of the answers came on a connection that was already open; \
         {} connections did it all, though the servers closed {} of them.\n\
         Queue:  up to {JOBS} fetches wanted one of {MAX_OPEN} connections; \
         the longest wait was {}, and {} fetches failed.\n",
        census.most(),
        census.most_at_one(),
        reused as f64 * 100.0 / answered as f64,
        HumanCount(total.opened),
        HumanCount(closed),
        shown(total.longest_wait),
        HumanCount(total.failed),
    )
}

fn say(text: &str) -> Result<(), String> {
    let printed = console::print(Stream::Output, text);
    printed.map_err(|error| format!("can not write to standard output: {error}"))
}
