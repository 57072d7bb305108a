//! A bounded map of answers by name.

use std::collections::HashMap;

/// Keeps at least the last `HALF` names, and at most twice as many.
///
/// It has two halves. When the young half is full, the old one is dropped as a whole, so eviction
/// never searches.
#[derive(Debug)]
pub(crate) struct Cache<T, const HALF: usize> {
    young: HashMap<Box<str>, T>,
    old: HashMap<Box<str>, T>,
}

impl<T, const HALF: usize> Default for Cache<T, HALF> {
    fn default() -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
        }
    }
}

impl<T, const HALF: usize> Cache<T, HALF> {
    pub(crate) fn get(&self, name: &str) -> Option<&T> {
        self.young.get(name).or_else(|| self.old.get(name))
    }

    /// Returns the evicted entries, for the caller to drop outside of locks.
    #[must_use]
    pub(crate) fn insert(&mut self, name: Box<str>, value: T) -> impl Sized + use<T, HALF> {
        let half = (self.young.len() >= HALF && !self.young.contains_key(&name))
            .then(|| std::mem::replace(&mut self.old, std::mem::take(&mut self.young)));
        (half, self.old.remove(&name), self.young.insert(name, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_are_remembered_and_the_number_is_bounded() {
        let mut cache = Cache::<_, 3>::default();
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
