//! Get and give back, over and over: rows a to d, and the growth of hosts.

use std::future::ready;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use fastrand::Rng;
use tokio::runtime::Runtime;
use tokio::task::yield_now;

use crate::contenders::{Contender, Role, Setup};
use crate::measure::Subject;
use crate::{fill, runtime};

/// The tasks, and the connections that they ask for.
#[derive(Clone, Copy)]
pub(super) struct Crowd {
    pub(super) tasks: u32,
    pub(super) workers: usize,
    pub(super) hosts: u32,
    /// Connections to each host that are allowed.
    pub(super) per_host: u32,
    /// Whether others get their turn while a task holds a connection, so that they have to wait.
    pub(super) yields: bool,
    /// Connections that are there when the clock starts, for a single host.
    pub(super) warm: u32,
}

/// Without this, a task whose pool never makes it pause would have its worker for the whole round,
/// and fewer tasks would meet than in the round of another pool.
const CYCLES_BETWEEN_PAUSES: u64 = 32;

/// A contender with a crowd before it, and idle connections.
pub(super) struct Hot<C: Contender> {
    name: String,
    runtime: Runtime,
    contender: C,
    keys: Arc<[C::Key]>,
    setup: Setup,
    crowd: Crowd,
    /// Get and give back of each task in a round.
    cycles: u64,
    round: u64,
}

impl<C: Contender> Hot<C> {
    /// Fills the pool, and finds the number of cycles that fill a round.
    pub(super) fn boxed(crowd: Crowd, length: Duration) -> Box<dyn Subject> {
        Box::new(Self::named(C::NAME.to_owned(), crowd, length))
    }

    /// The same under another name.
    pub(super) fn named(name: String, crowd: Crowd, length: Duration) -> Self {
        let runtime = runtime::with_workers(crowd.workers);
        let setup = Setup::new(crowd.hosts, crowd.per_host);
        let contender = runtime.block_on(async { C::open(&setup) });
        let keys: Arc<[C::Key]> = (0..crowd.hosts).map(|host| contender.key(host)).collect();
        let (filled, first) = (contender.clone(), Arc::clone(&keys));
        runtime::on_worker(&runtime, async move {
            if crowd.hosts == 1 {
                fill::one_host(&filled, &first[0], crowd.warm).await;
            } else {
                fill::one_per_host(&filled, crowd.hosts).await;
            }
        });
        let mut hot = Self {
            name,
            runtime,
            contender,
            keys,
            setup,
            crowd,
            cycles: 16,
            round: 0,
        };
        hot.calibrate(length);
        hot
    }

    fn calibrate(&mut self, length: Duration) {
        loop {
            let taken = self.run(self.cycles);
            if taken >= length / 4 {
                let share = length.as_secs_f64() / taken.as_secs_f64();
                self.cycles = ((self.cycles as f64 * share) as u64).max(1);
                return;
            }
            self.cycles *= 2;
        }
    }

    fn run(&mut self, cycles: u64) -> Duration {
        self.round += 1;
        let tasks = (0..self.crowd.tasks).map(|task| {
            let (contender, keys) = (self.contender.clone(), Arc::clone(&self.keys));
            // All contenders meet the same hosts in the same order.
            let random = Rng::with_seed((self.round << 32) | u64::from(task));
            turns(contender, keys, self.crowd, cycles, random)
        });
        let tasks: Vec<_> = tasks.collect();
        let start = Instant::now();
        let tasks: Vec<_> = tasks
            .into_iter()
            .map(|task| self.runtime.spawn(task))
            .collect();
        self.runtime.block_on(async {
            for task in tasks {
                task.await.expect("a task that is measured does not fail");
            }
        });
        start.elapsed()
    }
}

impl<C: Contender> Subject for Hot<C> {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn role(&self) -> Role {
        C::ROLE
    }

    fn measure(&mut self) -> Result<Vec<f64>> {
        // The caches have forgotten this contender since its last round.
        self.run(self.cycles / 4 + 1);
        let taken = self.run(self.cycles);
        let cycles = self.cycles * u64::from(self.crowd.tasks);
        Ok(vec![taken.as_nanos() as f64 / cycles as f64])
    }

    fn finish(&mut self) -> Result<()> {
        let opened = self.setup.opener.opened();
        let most = self.crowd.most_connections();
        ensure!(
            (1..=most).contains(&opened),
            "{opened} connections were opened where {most} are enough"
        );
        Ok(())
    }
}

impl Crowd {
    /// How many connections are enough. No worker holds two at once, unless tasks yield with them;
    /// but at many hosts, all workers may come to meet at each of them.
    fn most_connections(&self) -> u32 {
        match self.hosts {
            1 => self.warm,
            hosts => hosts * self.workers as u32,
        }
    }
}

async fn turns<C: Contender>(
    contender: C,
    keys: Arc<[C::Key]>,
    crowd: Crowd,
    cycles: u64,
    mut random: Rng,
) {
    for cycle in 1..=cycles {
        let key = if keys.len() == 1 {
            &keys[0]
        } else {
            &keys[random.usize(..keys.len())]
        };
        if crowd.yields {
            contender.cycle(key, yield_now()).await;
        } else {
            contender.cycle(key, ready(())).await;
            if cycle % CYCLES_BETWEEN_PAUSES == 0 {
                yield_now().await;
            }
        }
    }
}
