//! Counts the faults that were injected.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::toxic::Toxic;

/// How often each toxic acted.
#[derive(Clone, Default)]
pub struct Faults(Arc<Mutex<BTreeMap<String, u64>>>);

impl Faults {
    pub(super) fn count(&self, toxic: &Toxic) {
        let mut counts = self.0.lock().expect("no panic");
        *counts.entry(toxic.to_string()).or_default() += 1;
    }

    pub fn read(&self) -> BTreeMap<String, u64> {
        self.0.lock().expect("no panic").clone()
    }
}
