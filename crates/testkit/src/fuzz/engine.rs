//! Settings and inputs of a world of engines, with every check after every input.

use std::time::Duration;

use keepalive_engine::{IdleOrder, Settings};

use super::bytes::Bytes;
use crate::explore::run_to_end;
use crate::explore::scene::Scene;
use crate::explore::small::{STEP, Small};

/// The first bytes are the settings, and each of the others is one of the inputs possible then.
pub fn engine(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    let small = small(&mut bytes);
    let mut scene = Scene::new(&small);
    while let Some(choice) = bytes.next() {
        let possible = scene.operations();
        if possible.is_empty() {
            break;
        }
        scene.apply(possible[usize::from(choice) % possible.len()]);
    }
    run_to_end(scene);
}

fn small(bytes: &mut Bytes<'_>) -> Small {
    let hosts = 1 + bytes.below(5);
    let capacity = 1 + bytes.below(2);
    let clock = bytes.below(2) == 1;
    let steps = |bytes: &mut Bytes<'_>| match bytes.some(7) {
        Some(steps) if clock => STEP * steps as u32,
        _ => Duration::MAX,
    };
    let settings = Settings {
        max_per_host: 1 + bytes.below(4),
        max_open: 1 + bytes.below(6),
        max_queued: bytes.some(4),
        max_connecting: bytes.some(3),
        keep_alive: match bytes.below(4) {
            0 => Duration::ZERO,
            _ => steps(bytes),
        },
        timeout: steps(bytes),
        close_timeout: steps(bytes),
        max_lifetime: Some(steps(bytes)),
        lifetime_jitter: bytes.pick(&[0.0, 0.5]),
        max_uses: bytes.some(4).map(|uses| uses as u64),
        idle_order: bytes.pick(&[IdleOrder::Lifo, IdleOrder::Fifo]),
        max_reuse_streak: bytes.below(4) as u32,
        keep_unneeded_attempts: bytes.below(2) == 1,
        seed: 0,
        shards: 1 + bytes.below(3) as u16,
    };
    Small {
        name: "fuzz",
        hosts: hosts as u8,
        requests: 1 + bytes.below(12),
        clock,
        capacity: capacity as u8,
        ends: bytes.below(2) == 1,
        settings,
    }
}
