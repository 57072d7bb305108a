//! Several clients at once, each with its own dice.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{Caller, Ending, Figures, Late, Question};
use crate::dice::Dice;

/// A port to send questions to, and the tag of the server behind it.
#[derive(Clone)]
pub struct Peer {
    pub port: u16,
    pub tag: Arc<str>,
}

/// Questions to some peers, and their results so far.
#[derive(Clone)]
pub struct Script {
    peers: Arc<[Peer]>,
    figures: Arc<Mutex<Figures>>,
    enough: Arc<AtomicBool>,
}

impl Script {
    pub fn new(peers: &Arc<[Peer]>) -> Self {
        Self {
            peers: Arc::clone(peers),
            figures: Arc::default(),
            enough: Arc::default(),
        }
    }

    pub fn figures(&self) -> Figures {
        self.figures.lock().expect("no panic").clone()
    }

    /// Makes clients stop after their present question.
    pub fn stop(&self) {
        self.enough.store(true, Ordering::Relaxed);
    }

    /// Runs `clients` tasks until they have asked all `questions`.
    ///
    /// One in eight questions is withdrawn after a random time, at any stage.
    pub async fn ask<C: Caller>(&self, caller: &C, clients: u64, questions: u64, seed: u64) {
        let left = Arc::new(AtomicU64::new(questions));
        let mut tasks = JoinSet::new();
        for client in 0..clients {
            let (this, caller, left) = (self.clone(), caller.clone(), Arc::clone(&left));
            let mut dice = Dice(seed ^ (client << 32));
            tasks.spawn(async move {
                while !this.enough.load(Ordering::Relaxed) && take_one(&left) {
                    let ended = this.ask_one(&caller, &mut dice).await;
                    this.figures.lock().expect("no panic").count(ended);
                }
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended.expect("no client panics");
        }
    }

    async fn ask_one<C: Caller>(&self, caller: &C, dice: &mut Dice) -> Option<(Ending, Late)> {
        let peer = &self.peers[dice.below(self.peers.len())];
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
}

fn take_one(left: &AtomicU64) -> bool {
    let order = Ordering::Relaxed;
    left.fetch_update(order, order, |left| left.checked_sub(1))
        .is_ok()
}
