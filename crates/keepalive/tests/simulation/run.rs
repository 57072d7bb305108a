//! One seed, from the first request to the last check.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use keepalive::Manager;
use keepalive_testkit::dice::Dice;
use keepalive_testkit::simulated::aftermath::{
    self, catch_up, free, is_gone, is_quiet, is_watched,
};
use keepalive_testkit::simulated::{Network, Shared, TICK, Tasks, hosts, panics};
use tokio::runtime::Runtime;
use tokio::time::{Instant, sleep, timeout};

use crate::clients::{client, enjoy, read_letters};
use crate::peers::peers;
use crate::plan::{Ending, Plan};
use crate::storm::{Calm, Storm};
use crate::world::{Taken, World};

/// The result of one seed.
pub(crate) struct Outcome {
    pub(crate) trace: u64,
    pub(crate) counts: BTreeMap<String, u64>,
    pub(crate) requests: usize,
}

pub(crate) fn simulate(seed: u64) -> Outcome {
    panics::watch();
    let mut dice = Dice(seed);
    let plan = Plan::new(&mut dice);
    let runtime = aftermath::runtime();
    let world = {
        let _within = runtime.enter();
        Arc::new(world(plan, &mut dice))
    };
    let requests = world.plan.requests;
    match world.plan.ending {
        Ending::RuntimeLoss => {
            let busy = requests / 2 + dice.below(requests / 2);
            let now = runtime.block_on(async {
                live(&world, 0..busy, &mut dice).await;
                Instant::now()
            });
            lose(&world, runtime);
            let second = aftermath::runtime();
            second.block_on(async {
                catch_up(&world.network, now).await;
                empty_vault(&world, &mut dice).await;
                live(&world, busy..requests, &mut dice).await;
                rest(&world).await;
                let manager = world.manager.lock().take();
                has_room(&world, manager).await;
            });
            second.block_on(gone(&world));
        }
        ending => runtime.block_on(async {
            let busy = match ending {
                Ending::Rest => requests,
                _ => requests / 2 + dice.below(requests / 2),
            };
            live(&world, 0..busy, &mut dice).await;
            match ending {
                Ending::ShutDown => shut_down(&world, busy..requests, &mut dice).await,
                Ending::LastHandle => {
                    world.note("last handle", 0);
                    world.shut_down.store(true, SeqCst);
                    drop(world.manager.lock().take());
                    finish_tasks(&world).await;
                }
                _ => {
                    rest(&world).await;
                    let manager = world.manager.lock().take();
                    has_room(&world, manager).await;
                }
            }
            gone(&world).await;
        }),
    }
    verdict(&world, seed)
}

fn world(plan: Plan, dice: &mut Dice) -> World {
    let storm = Storm::new(dice.roll(), plan.rates);
    let hosts = hosts(plan.hosts, plan.partitioned);
    let network = Network::new(hosts, plan.limits, storm);
    World {
        manager: Shared::new(Some(plan.manager(&network))),
        network,
        plan,
        mailbox: Shared::default(),
        ledger: Shared::default(),
        vault: Shared::default(),
        tasks: Tasks::default(),
        leaked: AtomicUsize::new(0),
        calm: AtomicBool::new(false),
        shut_down: AtomicBool::new(false),
        runtime_lost: AtomicBool::new(false),
        mail_lost: AtomicBool::new(false),
    }
}

/// Users come, and things happen to them.
async fn live(world: &Arc<World>, numbers: std::ops::Range<usize>, dice: &mut Dice) {
    if let Some(manager) = world.handle() {
        let (mailbox, responses) = manager.mailbox();
        *world.mailbox.lock() = Some(mailbox);
        world.mail_lost.store(false, SeqCst);
        world.tasks.spawn(read_letters(
            Arc::clone(world),
            responses,
            Dice(dice.roll()),
        ));
    }
    world
        .tasks
        .spawn(peers(Arc::clone(world), Dice(dice.roll())));
    for number in numbers {
        world
            .tasks
            .spawn(client(Arc::clone(world), number, Dice(dice.roll())));
        if dice.below(3) > 0 {
            sleep(Duration::from_millis(dice.below(world.plan.pause) as u64)).await;
        }
        if dice.below(10) == 0 {
            look(world);
        }
    }
}

/// Compares the manager's figures with the network's books.
fn look(world: &World) {
    let Some(manager) = world.handle() else {
        return;
    };
    let stats = manager.stats();
    let leases = manager.leases();
    let total = stats.total;
    let sum = total.connecting + total.leased + total.idle + total.closing;
    let (open, holders) = {
        let books = world.network.books();
        (books.open(), books.holders())
    };
    let hosts: usize = stats.hosts.iter().map(|host| host.counts.open).sum();
    let plain = world.plan.rates.widest == 1;
    let faults = [
        (sum != total.open, "open is not the sum of its parts"),
        (hosts != total.open, "hosts do not add up"),
        (open > total.open, "more is open than the manager says"),
        (
            total.open > world.plan.limits.total,
            "more is open than may be",
        ),
        (
            plain && holders > total.leased,
            "more is leased than the manager says",
        ),
        (
            plain && leases.len() > total.leased,
            "more leases than are leased",
        ),
    ];
    for (_, fault) in faults.into_iter().filter(|&(is, _)| is) {
        world.blame(format!("{fault}: {total:?}"));
    }
}

/// Uses the leases and requests that were kept.
async fn empty_vault(world: &Arc<World>, dice: &mut Dice) {
    let vault = std::mem::take(&mut *world.vault.lock());
    for lease in vault.leases {
        free(lease);
    }
    for (number, pending) in vault.pending {
        let lease = world.answered(number, pending.await, Taken::Later);
        let (user, dice) = (Arc::clone(world), Dice(dice.roll()));
        world
            .tasks
            .spawn(async move { enjoy(&user, number, lease, dice).await });
    }
}

/// Without faults and new users, everything must end by itself, in time.
async fn rest(world: &Arc<World>) {
    finish_tasks(world).await;
    let Some(manager) = world.handle() else {
        return;
    };
    let plan = &world.plan;
    // An attempt without a waiter may go on for as long as a request's timeout. A posted request
    // without a reader may wait as long before that.
    let mut idle = plan.keep_alive + plan.limits.close_timeout + TICK;
    if world.runtime_lost.load(SeqCst) {
        // A stopped clock begins anew with each runtime, behind the times that the manager knows.
        idle += Duration::from_secs(60);
    }
    sleep(2 * plan.timeout + plan.limits.close_timeout + TICK).await;
    if manager.totals().connecting > 0 {
        world.blame(format!("attempts go on: {:?}", manager.totals()));
    }
    sleep(idle).await;
    let (totals, leaked) = (manager.totals(), world.leaked.load(SeqCst));
    let open = world.network.books().open();
    if totals.open > leaked || totals.waiting > 0 || open > leaked {
        world.blame(format!("at rest {open} are open: {totals:?}"));
    }
    look(world);
    check_figures(world, &manager);
    is_quiet(&world.network).await;
}

fn calm(world: &World) {
    world.note("calm", 0);
    world.calm.store(true, SeqCst);
    world.network.change_weather(Calm);
    drop(world.mailbox.lock().take());
}

/// Waits for all users to finish.
async fn finish_tasks(world: &Arc<World>) {
    if !world.is_calm() {
        calm(world);
    }
    join_tasks(world).await;
    empty_vault(world, &mut Dice(0)).await;
    join_tasks(world).await;
}

async fn join_tasks(world: &Arc<World>) {
    // Letters are read one after the other.
    let limit = world.plan.timeout + Duration::from_secs(10);
    let finished = timeout(limit, world.tasks.join());
    if finished.await.is_err() {
        world.blame("somebody waits for ever");
    }
}

/// Compares the manager's counts with the ledger.
fn check_figures(world: &World, manager: &Manager<Network>) {
    let stats = manager.stats();
    let total = stats.total;
    let ledger = world.ledger.lock();
    let seen = |kind: &str| ledger.errors.get(kind).copied().unwrap_or(0);
    let opened = world.network.books().opened() as u64;
    let reused = total.reused_immediate + total.reused_deferred;
    let faults = [
        (stats.waiting_time.count() != ledger.leases, "leases"),
        (reused != ledger.cached, "reused"),
        (total.opened > opened, "opened"),
        (total.timed_out < seen("Timeout"), "timed_out"),
        (total.failed < seen("Connect") + seen("Lost"), "failed"),
        (total.closed_by_peer < 2 * seen("Lost"), "closed_by_peer"),
        (total.refused < seen("QueueFull"), "refused"),
        (total.cancelled < seen("Cancelled"), "cancelled"),
    ];
    let (leases, cached) = (ledger.leases, ledger.cached);
    drop(ledger);
    let ended = [
        ("evicted", total.evicted),
        ("expired", total.expired),
        ("closed by the peer while idle", total.closed_by_peer),
    ];
    for (end, count) in ended {
        (0..count).for_each(|_| world.note(end, 0));
    }
    for (_, figure) in faults.into_iter().filter(|&(is, _)| is) {
        world.blame(format!(
            "{figure} is wrong: {total:?}, {leases} leases, {cached} from the cache"
        ));
    }
}

/// Unless leases were leaked, every permit is free.
async fn has_room(world: &World, manager: Option<Manager<Network>>) {
    if world.leaked.load(SeqCst) == 0 {
        let manager = manager.expect("nobody has dropped it");
        aftermath::has_room(&world.network, &manager).await;
        is_watched(&world.network).await;
    }
}

async fn shut_down(world: &Arc<World>, late: std::ops::Range<usize>, dice: &mut Dice) {
    world.note("shutdown", 0);
    world.shut_down.store(true, SeqCst);
    let manager = world.manager.lock().take().expect("nobody has dropped it");
    let patience = Duration::from_millis(dice.below(50) as u64);
    let began = Instant::now();
    let out = manager.shutdown().within(patience).await;
    if began.elapsed() > patience + TICK {
        world.blame(format!("shutdown took {:?}", began.elapsed()));
    }
    let leased = manager.totals().leased;
    if out > leased {
        world.blame(format!("{out} leases are out, and now {leased}"));
    }
    for number in late.take(5) {
        let request = world.draw(number, dice);
        let pending = manager.allocate(request);
        world.asked(number, pending.id());
        world.answered(number, pending.await, Taken::AtOnce);
    }
    finish_tasks(world).await;
    let leaked = world.leaked.load(SeqCst);
    let limit = world.plan.limits.close_timeout + TICK;
    let began = Instant::now();
    let out = manager.shutdown().within(limit + TICK).await;
    // Several leases may be of one connection.
    let open = world.network.books().open();
    if out != open || out > leaked || (leaked == 0 && began.elapsed() > limit) {
        world.blame(format!("shut down: {out} out after {:?}", began.elapsed()));
    }
    check_figures(world, &manager);
    is_quiet(&world.network).await;
}

/// The runtime goes, with everything on it.
fn lose(world: &Arc<World>, runtime: Runtime) {
    world.note("runtime lost", 0);
    world.runtime_lost.store(true, SeqCst);
    world.network.books().runtime_goes = true;
    // Tasks hold the world; the world holds only how to wait for them.
    world.tasks.lock().clear();
    drop(world.mailbox.lock().take());
    drop(runtime);
    world.network.books().runtime_goes = false;
    let mut context = Context::from_waker(Waker::noop());
    let vault = std::mem::take(&mut *world.vault.lock());
    for (number, mut pending) in vault.pending {
        match Pin::new(&mut pending).poll(&mut context) {
            Poll::Ready(result) => {
                let lease = world.answered(number, result, Taken::Outside);
                world.vault.lock().leases.extend(lease);
            }
            Poll::Pending => world.blame("a request outlives its runtime"),
        }
    }
    let mut leases = vault.leases.into_iter();
    if let Some(lease) = leases.next() {
        world.note("freed outside of a runtime", 0);
        free(lease);
    }
    world.vault.lock().leases.extend(leases);
    let open = world.network.books().open();
    if let Some(manager) = world.handle() {
        let totals = manager.totals();
        if totals.waiting > 0 || totals.connecting > 0 || totals.closing > 0 {
            world.blame(format!("without a runtime: {totals:?}"));
        }
        if totals.open != open {
            world.blame(format!("without a runtime {open} are open: {totals:?}"));
        }
    }
}

/// Nothing is left of a manager whose last handle has gone.
async fn gone(world: &Arc<World>) {
    finish_tasks(world).await;
    is_gone(&world.network, world.leaked.load(SeqCst)).await;
}

fn verdict(world: &Arc<World>, seed: u64) -> Outcome {
    let excused = world.runtime_lost.load(SeqCst);
    let ledger = world.ledger.lock();
    let mut mute = 0;
    for (number, entry) in &ledger.entries {
        let lost = excused || entry.dropped || world.mail_lost.load(SeqCst);
        if entry.answers == 0 && !lost {
            world.blame(format!("request {number} was never answered"));
        }
        mute += usize::from(entry.answers == 0);
    }
    let requests = ledger.entries.len();
    drop(ledger);
    world.note("withdrawn", mute);
    let books = world.network.books();
    let faults = books.faults().join("\n");
    assert!(faults.is_empty(), "seed {seed}:\n{faults}");
    let unplanned = panics::unplanned();
    assert_eq!(unplanned, None, "seed {seed}");
    Outcome {
        trace: books.trace(),
        counts: books.counts.clone(),
        requests,
    }
}
