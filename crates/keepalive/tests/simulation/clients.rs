//! Users: each makes one kind of request, and does one thing with the answer.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::task::Poll;
use std::time::Duration;

use keepalive::{Lease, Manager, Pending, Request, Responses};
use keepalive_testkit::dice::Dice;
use keepalive_testkit::simulated::aftermath::free;
use keepalive_testkit::simulated::panics::panic_as_planned;
use keepalive_testkit::simulated::{Network, turns};
use tokio::time::{Instant, sleep, timeout};

use crate::world::{Letter, Taken, World};

/// One request, from its start to the end of its lease.
pub(crate) async fn client(world: Arc<World>, number: usize, mut dice: Dice) {
    let Some(manager) = world.handle() else {
        return;
    };
    let request = world.draw(number, &mut dice);
    if dice.below(4) == 0 && !world.mail_lost.load(SeqCst) {
        return send_letter(&world, number, request, &mut dice).await;
    }
    if dice.below(6) == 0 && !world.is_calm() {
        return lease(&world, number, &manager, request, dice).await;
    }
    let mut pending = manager.allocate(request);
    drop(manager);
    world.asked(number, pending.id());
    // Users misbehave only in bad weather.
    let way = if world.is_calm() { 0 } else { dice.below(10) };
    let lease = match way {
        0..=2 => answer(&world, number, pending.await),
        3 => {
            if dice.below(3) > 0 {
                let patience = Duration::from_millis(dice.below(60) as u64);
                if let Ok(result) = timeout(patience, &mut pending).await {
                    return enjoy(&world, number, answer(&world, number, result), dice).await;
                }
            }
            drop(pending);
            return world.dropped(number);
        }
        4 => return drop_when_woken(&world, number, pending).await,
        5 => {
            // One task polls it first, and another one gets the answer.
            first_poll(&mut pending).await;
            world.note("moved", number);
            let mover = Arc::clone(&world);
            world.tasks.spawn(async move {
                let lease = answer(&mover, number, pending.await);
                enjoy(&mover, number, lease, dice).await;
            });
            return;
        }
        6 => answer(&world, number, restless(pending, 3).await),
        7 => {
            let patience = Duration::from_millis(dice.below(60) as u64);
            match timeout(patience, &mut pending).await {
                Ok(result) => answer(&world, number, result),
                Err(_) => cancel(&world, number, pending).await,
            }
        }
        8 => {
            let late = Duration::from_millis(dice.below(40) as u64);
            sleep(late).await;
            world.answered(number, pending.await, Taken::Later)
        }
        _ => {
            if world.vault.lock().pending.len() < 2 && world.plan.leaks == 0 {
                world.note("kept", number);
                return world.vault.lock().pending.push((number, pending));
            }
            answer(&world, number, pending.await)
        }
    };
    enjoy(&world, number, lease, dice).await;
}

/// Requests and waits in one call, perhaps not for long.
async fn lease(
    world: &Arc<World>,
    number: usize,
    manager: &Manager<Network>,
    request: Request,
    mut dice: Dice,
) {
    let patience = match dice.below(3) {
        0 => Duration::from_millis(dice.below(60) as u64),
        _ => Duration::from_secs(3600),
    };
    let Ok(result) = timeout(patience, manager.lease(&request)).await else {
        return world.dropped(number);
    };
    let id = match &result {
        Ok(lease) => lease.id(),
        Err(error) => error.id(),
    };
    world.asked(number, id);
    enjoy(world, number, answer(world, number, result), dice).await;
}

type Answer = Result<Lease<Network>, keepalive::AllocateError>;

fn answer(world: &World, number: usize, result: Answer) -> Option<Lease<Network>> {
    world.answered(number, result, Taken::AtOnce)
}

/// Makes a request whose answer is posted to a mailbox.
async fn send_letter(world: &Arc<World>, number: usize, request: Request, dice: &mut Dice) {
    let (manager, mailbox) = (world.handle(), world.mailbox.lock().clone());
    let (Some(manager), Some(mailbox)) = (manager, mailbox) else {
        return world.dropped(number);
    };
    let event = format!("event {number}");
    let Ok(id) = manager.allocate_to(&mailbox, request, event, Letter { number }) else {
        world.note("mailbox closed", number);
        return world.dropped(number);
    };
    world.asked(number, id);
    drop(mailbox);
    if dice.below(4) == 0 && !world.is_calm() {
        sleep(Duration::from_millis(dice.below(60) as u64)).await;
        let mut ledger = world.ledger.lock();
        let taken = ledger.entry(number).answers > 0;
        if manager.cancel(id) {
            ledger.entry(number).cancelled = true;
            drop(ledger);
            world.note("letter cancelled", number);
            if taken {
                world.blame("a request was cancelled after its answer was taken");
            }
        }
    }
}

/// Receives the answers of the mailbox.
pub(crate) async fn read_letters(
    world: Arc<World>,
    mut responses: Responses<Letter, Network>,
    mut dice: Dice,
) {
    let most = if dice.below(8) == 0 {
        dice.below(20)
    } else {
        usize::MAX
    };
    for _ in 0..most {
        if dice.below(4) == 0 && !world.is_calm() {
            sleep(Duration::from_millis(dice.below(30) as u64)).await;
        }
        let Some(response) = responses.recv().await else {
            return;
        };
        let letter = *response.context();
        let number = letter.number;
        let same = {
            let mut ledger = world.ledger.lock();
            let entry = ledger.entry(number);
            Some(response.id()) == entry.id
                && response.event() == format!("event {number}")
                && response.scheme() == entry.request.scheme()
                && response.address() == entry.request.address()
                && response.port() == entry.request.port()
        };
        if !same {
            world.blame("a letter does not say what was asked");
        }
        let lease = world.answered(number, response.into_result(), Taken::Later);
        let user = Arc::clone(&world);
        let dice = Dice(dice.roll());
        world
            .tasks
            .spawn(async move { enjoy(&user, number, lease, dice).await });
    }
    world.note("responses dropped", 0);
    world.mail_lost.store(true, SeqCst);
}

/// Uses a lease, and lets it go in one way or another.
pub(crate) async fn enjoy(
    world: &World,
    number: usize,
    lease: Option<Lease<Network>>,
    mut dice: Dice,
) {
    let Some(mut lease) = lease else { return };
    for exchange in 0..dice.below(3) {
        let nonce = (number * 10 + exchange) as u64;
        let latency = Duration::from_millis(dice.below(1 + world.plan.hold) as u64);
        lease.send(nonce, latency);
        sleep(latency).await;
        match lease.receive() {
            Some(answer) if answer == nonce => world.note("exchange", number),
            Some(answer) => world.blame(format!("asked {nonce}, the answer was {answer}")),
            None => {
                world.note("broken in use", number);
                return lease.close();
            }
        }
    }
    let way = if world.is_calm() { 0 } else { dice.below(16) };
    match way {
        9 => {
            world.note("freed with unread data", number);
            lease.send(0, Duration::ZERO);
            free(lease);
        }
        10 => {
            world.note("closed", number);
            lease.close();
        }
        11 => {
            world.note("broken off", number);
            lease.send(0, Duration::from_millis(3));
            drop(lease);
        }
        12 => {
            world.note("panic with a lease", number);
            let _lease = lease;
            panic_as_planned();
        }
        13 if world.leaked.load(SeqCst) < world.plan.leaks => {
            world.note("leaked", number);
            world.leaked.fetch_add(1, SeqCst);
            std::mem::forget(lease);
        }
        14 if world.vault.lock().leases.len() < 2 && world.plan.leaks == 0 => {
            world.note("held for long", number);
            world.vault.lock().leases.push(lease);
        }
        _ => free(lease),
    }
}

/// Drops a request in the same turn in which it is woken, before it is polled again.
async fn drop_when_woken(world: &World, number: usize, mut pending: Pending<Network>) {
    let mut polled = false;
    poll_fn(|context| {
        if std::mem::replace(&mut polled, true) {
            return Poll::Ready(());
        }
        match Pin::new(&mut pending).poll(context) {
            Poll::Ready(result) => {
                if let Some(lease) = answer(world, number, result) {
                    free(lease);
                }
                Poll::Ready(())
            }
            Poll::Pending => Poll::Pending,
        }
    })
    .await;
    let mut ledger = world.ledger.lock();
    if ledger.entry(number).answers == 0 {
        ledger.entry(number).dropped = true;
        drop(ledger);
        let answered = pending.waiting().is_none();
        let event = ["dropped when woken", "dropped as it was answered"];
        world.note(event[usize::from(answered)], number);
        drop(pending);
    }
}

async fn first_poll(pending: &mut Pending<Network>) {
    // A ready `Pending` keeps its answer for its own poll.
    if pending.waiting().is_some() {
        poll_fn(|context| {
            let polled = Pin::new(&mut *pending).poll(context);
            assert!(polled.is_pending(), "it waits");
            Poll::Ready(())
        })
        .await;
    }
}

/// Polls more often than its waker asks for.
async fn restless(mut pending: Pending<Network>, times: usize) -> Answer {
    let mut left = times;
    poll_fn(|context| {
        let polled = Pin::new(&mut pending).poll(context);
        if polled.is_pending() && left > 0 {
            left -= 1;
            context.waker().wake_by_ref();
        }
        polled
    })
    .await
}

/// Cancels a request by its id, and takes the answer, which must be ready at once.
async fn cancel(
    world: &World,
    number: usize,
    mut pending: Pending<Network>,
) -> Option<Lease<Network>> {
    let Some(manager) = world.handle() else {
        return answer(world, number, pending.await);
    };
    let before = Instant::now();
    let cancelled = manager.cancel(pending.id());
    drop(manager);
    world.ledger.lock().entry(number).cancelled = cancelled;
    world.note(
        if cancelled {
            "cancelled"
        } else {
            "too late to cancel"
        },
        number,
    );
    turns(1).await;
    let result = (&mut pending).await;
    if before.elapsed() > Duration::ZERO {
        world.blame("a cancelled request was answered late");
    }
    answer(world, number, result)
}
