//! Several clients at once, each with its own dice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{Caller, Ending, Figures, Late, Question};
use crate::dice::Dice;

/// A port to ask at, and the tag of the server behind it.
#[derive(Clone)]
pub struct Peer {
    pub port: u16,
    pub tag: Arc<str>,
}

/// Has `clients` tasks ask until all `questions` have been asked, or `enough` is set.
///
/// One in eight questions is withdrawn after a random time, wherever it is then.
pub async fn ask_many<C: Caller>(
    caller: &C,
    peers: &Arc<[Peer]>,
    clients: u64,
    questions: u64,
    seed: u64,
    enough: &Arc<AtomicBool>,
) -> Figures {
    let left = Arc::new(AtomicU64::new(questions));
    let mut tasks = JoinSet::new();
    for client in 0..clients {
        let (caller, peers, left) = (caller.clone(), Arc::clone(peers), Arc::clone(&left));
        let enough = Arc::clone(enough);
        let mut dice = Dice(seed ^ (client << 32));
        tasks.spawn(async move {
            let mut figures = Figures::default();
            while !enough.load(Ordering::Relaxed) && take_one(&left) {
                figures.count(ask_one(&caller, &peers, &mut dice).await);
            }
            figures
        });
    }
    let mut figures = Figures::default();
    while let Some(one) = tasks.join_next().await {
        figures.add(one.expect("no client panics"));
    }
    figures
}

fn take_one(left: &AtomicU64) -> bool {
    let taken = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
        left.checked_sub(1)
    });
    taken.is_ok()
}

async fn ask_one<C: Caller>(caller: &C, peers: &[Peer], dice: &mut Dice) -> Option<(Ending, Late)> {
    let peer = &peers[dice.below(peers.len())];
    let question = Question {
        port: peer.port,
        tag: &peer.tag,
        // Even, so that a second turn may have the next.
        nonce: dice.roll() & !1,
        size: [0, 1, 30, 5000][dice.below(4)],
        way: dice.roll(),
    };
    let asking = caller.ask(question);
    if dice.below(8) == 0 {
        let soon = Duration::from_micros(dice.roll() % 4000);
        return timeout(soon, asking).await.ok();
    }
    Some(asking.await)
}
