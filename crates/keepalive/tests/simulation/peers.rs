//! The other ends of the connections, which act unasked.

use std::sync::Arc;
use std::time::Duration;

use keepalive_testkit::dice::Dice;
use tokio::time::sleep;

use crate::world::World;

/// Closes, sends, wakes and changes capacities at random, until all is calm.
pub(crate) async fn peers(world: Arc<World>, mut dice: Dice) {
    let pace = world.plan.rates.peers;
    let mut untold = Vec::new();
    while pace > 0 && !world.is_calm() {
        sleep(Duration::from_millis(1 + dice.below(pace) as u64)).await;
        for number in untold.drain(..) {
            world.network.wake_watcher(number);
        }
        let numbers = world.network.books().numbers();
        if numbers.is_empty() {
            continue;
        }
        let number = numbers[dice.below(numbers.len())];
        match dice.below(9) {
            0..=2 => {
                world.note("the peer closes", number);
                world.network.peer_closes(number, true);
            }
            3 => {
                world.note("the peer closes, nobody is told yet", number);
                world.network.peer_closes(number, false);
                untold.push(number);
            }
            4 | 5 if world.plan.rates.widest > 1 => {
                world.note("another capacity", number);
                let capacity = dice.below(1 + world.plan.rates.widest);
                world.network.books().set_capacity(number, capacity);
                world.network.wake_watcher(number);
            }
            6 => {
                world.note("the peer says goodbye", number);
                world.network.peer_says_goodbye(number);
            }
            _ => {
                world.note("a wake for nothing", number);
                world.network.wake_watcher(number);
            }
        }
    }
}
