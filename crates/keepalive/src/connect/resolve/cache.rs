//! A bounded map of answers by name.

use std::collections::HashMap;

/// Keeps at least the last `half` names, and at most twice as many.
///
/// It has two halves. When the young half is full, the old one is dropped as a whole, so eviction
/// never searches.
#[derive(Debug)]
pub(crate) struct Cache<T> {
    half: usize,
    young: HashMap<Box<str>, T>,
    old: HashMap<Box<str>, T>,
}

/// Evicted entries, for the caller to drop outside of locks.
#[must_use]
pub(crate) struct Forgotten<T> {
    _replaced: [Option<T>; 2],
    _half: Option<HashMap<Box<str>, T>>,
}

impl<T> Cache<T> {
    pub(crate) fn new(half: usize) -> Self {
        Self {
            half,
            young: HashMap::new(),
            old: HashMap::new(),
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&T> {
        self.young.get(name).or_else(|| self.old.get(name))
    }

    pub(crate) fn insert(&mut self, name: Box<str>, value: T) -> Forgotten<T> {
        let half = (self.young.len() >= self.half && !self.young.contains_key(&name))
            .then(|| std::mem::replace(&mut self.old, std::mem::take(&mut self.young)));
        let older = self.old.remove(&name);
        Forgotten {
            _replaced: [older, self.young.insert(name, value)],
            _half: half,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_are_remembered_and_the_number_is_bounded() {
        let mut cache = Cache::new(3);
        for n in 0_u32..100 {
            drop(cache.insert(n.to_string().into(), n));
            drop(cache.insert("again".into(), n));
            assert!(cache.young.len() + cache.old.len() <= 6);
            assert_eq!(cache.get("again"), Some(&n));
            for last in n.saturating_sub(1)..=n {
                assert_eq!(cache.get(&last.to_string()), Some(&last));
            }
        }
        assert_eq!(cache.get("90"), None);
    }
}
