//! Many clients against one combination of faults, and everything that must hold then.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Handle};
use tokio::time::timeout;

use super::{Caller, Ending, Figures, Limits, Question, Script, Site};
use crate::dice::Dice;
use crate::net::combinations::Combination;
use crate::net::toxic::Deed;
use crate::wait::holds_within;

const CLIENTS: u64 = 16;
const QUESTIONS: u64 = 200;
/// Longer than a peer leaves an idle connection alone before it ends it.
const A_MOMENT: Duration = Duration::from_millis(50);
/// How many more questions are asked at a time, until every toxic has acted. They are few, because
/// a fault of an idle connection is planned for one of its first exchanges.
const MORE: u64 = 6;
const MOST_ASKING: Duration = Duration::from_secs(30);
const LIMITS: Limits = Limits {
    max_per_host: 3,
    max_open: 6,
    timeout: Duration::from_millis(200),
    patience: Duration::from_millis(200),
};

/// The limit for events that are immediate on an unloaded machine.
const SOON: Duration = Duration::from_secs(10);
/// The greatest lateness of a manager on a loaded machine.
const MOST_LATE: Duration = Duration::from_secs(2);

/// The results of one trial.
pub struct Trial {
    pub figures: Figures,
    pub faults: BTreeMap<String, u64>,
    pub opened: usize,
    pub took: Duration,
}

/// Runs a trial on a runtime of its own, with its servers on `peers`.
///
/// # Errors
///
/// The checks that failed.
pub fn run<C: Caller>(
    combination: &Combination,
    seed: u64,
    threads: usize,
    peers: &Handle,
) -> Result<Trial, String> {
    let mut builder = match threads {
        1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    let runtime = builder.worker_threads(threads).enable_all().build();
    let runtime = runtime.expect("a runtime");
    runtime.block_on(async {
        let limit = Duration::from_secs(60);
        match timeout(limit, trial::<C>(combination, seed, peers)).await {
            Ok(ended) => ended,
            Err(_) => Err(format!("not done within {limit:?}")),
        }
    })
}

async fn trial<C: Caller>(
    combination: &Combination,
    seed: u64,
    peers: &Handle,
) -> Result<Trial, String> {
    let start = Instant::now();
    let site = Site::open(C::PROTOCOL, LIMITS, seed, peers).await;
    let caller = C::new(LIMITS);

    site.set(combination);
    let script = Script::new(&site.peers);
    script.ask(&caller, CLIENTS, QUESTIONS, seed).await;
    let asking = Instant::now();
    for more in 1.. {
        // Faults of idle connections happen while no question is asked.
        let happened = holds_within(A_MOMENT, || site.missing(combination).is_none()).await;
        if happened || asking.elapsed() > MOST_ASKING {
            break;
        }
        script.ask(&caller, 2, MORE, seed.wrapping_add(more)).await;
    }
    let missing = site.missing(combination);
    let figures = script.figures();
    let faults = site.faults();
    site.set(&Combination(Vec::new()));

    if let Some(wrong) = figures.wrong.first() {
        return Err(format!("{} wrong, such as: {wrong}", figures.wrong_count));
    }
    if figures.latest() > MOST_LATE {
        return Err(format!("an answer was late by {:?}", figures.latest()));
    }
    if let Some(toxic) = missing {
        return Err(format!("{toxic} never happened: the trial proves nothing"));
    }
    site.check_limits(&caller)?;
    check_rest(&caller).await?;
    check_recovery(&caller, &site, seed).await?;
    check_no_close_wait(&caller, &site, seed).await?;
    check_end(caller, &site).await?;
    Ok(Trial {
        figures,
        faults,
        opened: site.opened(),
        took: start.elapsed(),
    })
}

/// Without questions, no request waits and no connection is in use.
async fn check_rest(caller: &impl Caller) -> Result<(), String> {
    let at_rest = || {
        let totals = caller.totals();
        totals.waiting == 0 && totals.leased == 0 && totals.connecting == 0 && totals.closing == 0
    };
    if holds_within(SOON, at_rest).await {
        Ok(())
    } else {
        Err(format!(
            "not at rest when nobody asks: {:?}",
            caller.totals()
        ))
    }
}

/// Without faults, each server answers again, once broken connections have been replaced.
async fn check_recovery(caller: &impl Caller, site: &Site, seed: u64) -> Result<(), String> {
    let mut dice = Dice(seed);
    for peer in &*site.peers {
        let start = Instant::now();
        loop {
            let question = Question {
                port: peer.port,
                tag: &peer.tag,
                nonce: dice.roll(),
                size: 10,
                way: 15,
            };
            let (ending, _) = caller.ask(question).await;
            match ending {
                Ending::Answered => break,
                Ending::Wrong(wrong) => return Err(wrong),
                _ if start.elapsed() < SOON => {}
                other => return Err(format!("no answer after all is well again: {other:?}")),
            }
        }
    }
    Ok(())
}

/// The peers end idle connections: their descriptors close, with no more traffic.
async fn check_no_close_wait(caller: &impl Caller, site: &Site, seed: u64) -> Result<(), String> {
    let deed = [Deed::Close, Deed::Reset, Deed::HalfClose, Deed::Stray][seed as usize % 4];
    site.order(deed);
    if holds_within(SOON, || {
        site.sockets().is_empty() && caller.totals().open == 0
    })
    .await
    {
        return Ok(());
    }
    let states = site.sockets();
    Err(format!(
        "after the peers did {deed} to what was idle, sockets are left in the states {states:?} \
         (8 is CLOSE_WAIT), and the manager has {:?}",
        caller.totals()
    ))
}

/// After the shutdown nothing is left.
async fn check_end<C: Caller>(caller: C, site: &Site) -> Result<(), String> {
    let out = caller.shut_down(SOON).await;
    let totals = caller.totals();
    if out != 0 || totals.open != 0 || totals.waiting != 0 {
        return Err(format!("{out} leases out after the shutdown: {totals:?}"));
    }
    drop(caller);
    let tasks = || Handle::current().metrics().num_alive_tasks();
    if holds_within(SOON, || site.sockets().is_empty() && tasks() == 0).await {
        Ok(())
    } else {
        let (descriptors, tasks) = (site.sockets().len(), tasks());
        Err(format!(
            "{descriptors} descriptors and {tasks} tasks are left"
        ))
    }
}
