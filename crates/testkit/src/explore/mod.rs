//! Visits every state of a small world: all inputs in all orders, each state once.
//!
//! The search is breadth first, so that a failure comes with the shortest way to it. Every
//! invariant is checked after every input. Then each state must come to its end: attempts succeed,
//! leases come back and no request arrives. Each waiter must then be answered, and each connection
//! must close.

#![allow(clippy::print_stderr)] // the way to a failure

pub(crate) mod scene;
pub mod small;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use self::scene::{Op, Scene};
use self::small::Small;

/// The results for one small world.
#[derive(Clone, Debug)]
pub struct Explored {
    pub name: &'static str,
    /// Distinct states.
    pub states: usize,
    /// Inputs made in them.
    pub transitions: u64,
    /// How many inputs separate the last state from the first.
    pub depth: usize,
    /// Whether these are all states. If not, they are all states up to one input before `depth`.
    pub complete: bool,
    pub took: Duration,
}

/// Looks for a violation in at most `limit_states` states, over all small worlds together.
///
/// # Panics
///
/// If it finds one, after it has printed the way to it.
pub fn find(limit_states: usize) {
    let worlds = small::all();
    for small in &worlds {
        explore(small, limit_states.div_ceil(worlds.len()));
    }
}

/// Explores one small world until it has seen `limit_states` states.
///
/// # Panics
///
/// If an invariant does not hold, after it has printed the way there.
pub fn explore(small: &Small, limit_states: usize) -> Explored {
    Explorer::new(small, limit_states).run()
}

/// Repeats a printed way: the name of a small world, a colon, and its inputs.
///
/// # Panics
///
/// If an invariant does not hold, or if the way is not valid.
pub fn replay(way: &str) {
    let (name, inputs) = way.split_once(':').expect("a name, a colon, and inputs");
    let worlds = small::all();
    let small = worlds.iter().find(|small| small.name == name);
    let mut scene = Scene::new(small.expect("the name of a small world"));
    for text in inputs.split_whitespace() {
        let mut possible = scene.operations().into_iter();
        let op = possible.find(|op| format!("{op:?}") == text);
        eprintln!("{text}");
        scene.apply(op.unwrap_or_else(|| panic!("{text} is not possible here")));
    }
    eprintln!("and to the end:");
    run_to_end(scene);
}

/// Marks a state in which everything has come to its end.
const END: u32 = u32::MAX;
/// Marks a state whose end is not known yet.
const UNKNOWN: u32 = u32::MAX - 1;
/// More inputs than any state needs until everything has come to its end.
const LONGEST_END: usize = 1_000;

struct Explorer<'a> {
    small: &'a Small,
    limit: usize,
    places: HashMap<u128, u32>,
    /// How each state was first reached.
    origins: Vec<(u32, Option<Op>)>,
    /// For each state, the next state on the way to the end.
    finishes: Vec<u32>,
    transitions: u64,
}

impl<'a> Explorer<'a> {
    fn new(small: &'a Small, limit: usize) -> Self {
        Self {
            small,
            limit,
            places: HashMap::new(),
            origins: Vec::new(),
            finishes: Vec::new(),
            transitions: 0,
        }
    }

    fn run(mut self) -> Explored {
        #[allow(clippy::disallowed_methods)] // how long it took
        let begun = Instant::now();
        let first = Scene::new(self.small);
        self.note(first.fingerprint(), 0, None);
        let mut layer = vec![(0, first)];
        let mut depth = 0;
        let mut complete = true;
        while !layer.is_empty() && complete {
            let mut next = Vec::new();
            for (place, scene) in std::mem::take(&mut layer) {
                complete &= self.places.len() < self.limit;
                if complete {
                    self.expand(place, scene, &mut next);
                } else {
                    next.push((place, scene));
                }
            }
            depth += usize::from(!next.is_empty());
            layer = next;
        }
        for (place, scene) in layer {
            self.guarded(place, None, || run_to_end(scene));
            self.finishes[place as usize] = END;
        }
        self.check_ends();
        Explored {
            name: self.small.name,
            states: self.places.len(),
            transitions: self.transitions,
            depth,
            complete,
            took: begun.elapsed(),
        }
    }

    /// Makes every possible input in one state.
    fn expand(&mut self, place: u32, scene: Scene<'a>, next: &mut Vec<(u32, Scene<'a>)>) {
        let finish = scene.finish();
        for op in scene.operations() {
            self.transitions += 1;
            let mut child = scene.clone();
            let print = self.guarded(place, Some(op), || {
                child.apply(op);
                child.fingerprint()
            });
            let (reached, new) = self.note(print, place, Some(op));
            if finish == Some(op) {
                self.finishes[place as usize] = reached;
            }
            if new {
                next.push((reached, child));
            }
        }
        if finish.is_none() {
            self.guarded(place, None, || scene.check_end());
            self.finishes[place as usize] = END;
        }
    }

    fn note(&mut self, print: u128, from: u32, op: Option<Op>) -> (u32, bool) {
        let place = u32::try_from(self.origins.len()).expect("fewer than 2^32 states");
        match self.places.entry(print) {
            Entry::Occupied(known) => (*known.get(), false),
            Entry::Vacant(new) => {
                new.insert(place);
                self.origins.push((from, op));
                self.finishes.push(UNKNOWN);
                (place, true)
            }
        }
    }

    /// Checks that the way to the end gets there from every state (I11).
    fn check_ends(&mut self) {
        for place in 0..self.finishes.len() {
            let mut way = vec![place];
            while let Some(&at) = way.last()
                && self.finishes[at] != END
            {
                let next = self.finishes[at];
                if next == UNKNOWN || way.len() > LONGEST_END {
                    self.print_way(place as u32, None);
                    panic!("I11: it does not come to an end");
                }
                way.push(next as usize);
            }
            for at in way {
                self.finishes[at] = END;
            }
        }
    }

    /// Runs `run`, and prints the way to its state if that panics.
    fn guarded<T>(&self, place: u32, op: Option<Op>, run: impl FnOnce() -> T) -> T {
        catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
            self.print_way(place, op);
            resume_unwind(panic)
        })
    }

    fn print_way(&self, place: u32, op: Option<Op>) {
        let mut way: Vec<Op> = op.into_iter().collect();
        let mut at = place;
        while let (from, Some(op)) = self.origins[at as usize] {
            way.push(op);
            at = from;
        }
        way.reverse();
        let way: Vec<String> = way.iter().map(|op| format!("{op:?}")).collect();
        eprintln!(
            "after {} states of '{}', {} inputs from the first:\n  {}",
            self.places.len(),
            self.small.name,
            way.len(),
            way.join("\n  ")
        );
        eprintln!(
            "replay: KEEPALIVE_EXPLORE='{}: {}' cargo test -p keepalive-engine --test explore",
            self.small.name,
            way.join(" ")
        );
    }
}

/// Brings everything to its end, and checks that nothing is left.
pub(crate) fn run_to_end(mut scene: Scene<'_>) {
    for _ in 0..LONGEST_END {
        match scene.finish() {
            Some(op) => scene.apply(op),
            None => return scene.check_end(),
        }
    }
    panic!("I11: it does not come to an end");
}

impl Explored {
    /// The heading of the lines.
    pub const HEAD: &'static str =
        "small world                            states transitions  depth  seconds  explored";
}

impl fmt::Display for Explored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<36} {:>8} {:>11} {:>6} {:>8.1}  {}",
            self.name,
            self.states,
            self.transitions,
            self.depth,
            self.took.as_secs_f64(),
            if self.complete { "all" } else { "in part" },
        )
    }
}
