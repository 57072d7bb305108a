//! One run of one scenario, and the checks after it.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use keepalive::Manager;
use keepalive_testkit::simulated::aftermath::{
    catch_up, has_room, is_gone, is_quiet, is_watched, runtime,
};
use keepalive_testkit::simulated::{Limits, Network, Operation, TICK, Verdict, hosts, panics};
use tokio::time::{Instant, sleep, timeout};

use crate::scenarios::Scenario;
use crate::script::{Pace, Script};
use crate::stage::{Cut, Stage};

pub(crate) const KEEP_ALIVE: Duration = Duration::from_millis(50);
pub(crate) const TIMEOUT: Duration = Duration::from_millis(500);
pub(crate) const CLOSE_TIMEOUT: Duration = Duration::from_millis(20);

/// The faults of a run.
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    Cut(Cut),
    Faults(Vec<(usize, Verdict)>),
    /// The runtime is dropped at this step, after the scenario or before it.
    Stop {
        step: usize,
        scenario_first: bool,
    },
}

/// The counts of a run.
pub(crate) struct Counted {
    pub(crate) polls: usize,
    pub(crate) took: u64,
    pub(crate) operations: Vec<Operation>,
    pub(crate) steps: usize,
}

pub(crate) fn run(scenario: &Scenario, pace: Pace, trouble: &Trouble) -> Counted {
    panics::watch();
    let script = Script::new(scenario.capacity, scenario.close_millis, pace);
    let (cut, strict) = match trouble {
        Trouble::Cut(cut) => (*cut, true),
        Trouble::Faults(faults) => {
            for &(number, verdict) in faults {
                script.fault(number, verdict);
            }
            (Cut::Never, false)
        }
        Trouble::Stop { step, .. } => {
            script.stop_at(*step);
            (Cut::Never, false)
        }
    };
    let stage = Arc::new(stage(scenario, &script, cut, strict));
    let counted = match trouble {
        Trouble::Stop { scenario_first, .. } => stop(scenario, &stage, *scenario_first),
        _ => play(scenario, &stage),
    };
    let faults = stage.network.books().faults().join("\n");
    let unplanned = panics::unplanned();
    assert!(
        faults.is_empty() && unplanned.is_none(),
        "{}, {pace:?}, {trouble:?}: {faults} {unplanned:?}",
        scenario.name
    );
    counted
}

fn stage(scenario: &Scenario, script: &Script, cut: Cut, strict: bool) -> Stage {
    let (per_host, total) = scenario.limits;
    let limits = Limits {
        per_host,
        total,
        connecting: usize::MAX,
        close_timeout: CLOSE_TIMEOUT,
    };
    let network = Network::new(scenario.hosts.clone(), limits, script.clone());
    let builder = Manager::builder()
        .max_per_host(per_host)
        .max_open(total)
        .keep_alive(KEEP_ALIVE)
        .timeout(TIMEOUT)
        .close_timeout(CLOSE_TIMEOUT);
    let manager = (scenario.settings)(builder).connector(network.clone());
    let manager = manager.build().expect("settings that work");
    Stage::new(network, script.clone(), manager, cut, strict)
}

fn play(scenario: &Scenario, stage: &Arc<Stage>) -> Counted {
    runtime().block_on(async {
        let played = timeout(Duration::from_secs(30), async {
            (scenario.play)(Arc::clone(stage)).await;
            stage.tasks.join().await;
        });
        if played.await.is_err() {
            stage.blame("somebody waits for ever");
        }
        let counted = count(stage);
        rest(stage).await;
        counted
    })
}

fn count(stage: &Stage) -> Counted {
    Counted {
        polls: stage.polls(),
        took: stage.took(),
        operations: stage.script.operations(),
        steps: stage.script.steps(),
    }
}

/// Everything comes to an end by itself, and nothing is left of it.
async fn rest(stage: &Stage) {
    stage.script.heal();
    sleep(TIMEOUT + KEEP_ALIVE + CLOSE_TIMEOUT + TICK).await;
    if let Some(manager) = stage.take_manager() {
        let totals = manager.totals();
        let now = totals.open + totals.waiting;
        let open = stage.network.books().open();
        if now > 0 || open > 0 {
            stage.blame(format!("{open} are open at rest: {totals:?}"));
        }
        is_quiet(&stage.network).await;
        has_room(&stage.network, &manager).await;
        is_watched(&stage.network).await;
    }
    is_gone(&stage.network, 0).await;
}

fn stop(scenario: &Scenario, stage: &Arc<Stage>, scenario_first: bool) -> Counted {
    let first = runtime();
    let now = {
        let _within = first.enter();
        let mut play = Some((scenario.play)(Arc::clone(stage)));
        let now = first.block_on(async {
            poll_fn(|context| {
                let stopped = stage.script.step(Some(context.waker()));
                let Some(playing) = play.as_mut().filter(|_| !stopped) else {
                    return Poll::Ready(());
                };
                playing.as_mut().poll(context)
            })
            .await;
            if scenario_first {
                play = None;
            }
            Instant::now()
        });
        stage.network.books().runtime_goes = true;
        drop(_within);
        drop(first);
        drop(play);
        now
    };
    stage.network.books().runtime_goes = false;
    let counted = count(stage);
    stage.script.heal();
    runtime().block_on(async {
        catch_up(&stage.network, now).await;
        if let Some(manager) = stage.take_manager() {
            has_room(&stage.network, &manager).await;
            is_watched(&stage.network).await;
            sleep(TIMEOUT + KEEP_ALIVE + CLOSE_TIMEOUT + TICK).await;
            let totals = manager.totals();
            if totals.open + totals.waiting > 0 {
                stage.blame(format!("without its runtime: {totals:?}"));
            }
        }
        is_gone(&stage.network, 0).await;
    });
    counted
}

pub(crate) fn three_hosts() -> Vec<keepalive::Request> {
    hosts(3, 2)
}
