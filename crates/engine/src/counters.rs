//! The figures of hosts and of engines: one list, from which everything that holds them is made.

use std::ops::AddAssign;

use crate::connection::State;

/// Makes [`Counts`] and the records of its counters. A counter of `often` is part of each record. One
/// of `rarely` lies apart, in memory that most hosts never need.
macro_rules! counters {
    (
        often { $($(#[$often_doc:meta])* $often:ident,)* }
        rarely { $($(#[$rare_doc:meta])* $rare:ident,)* }
    ) => {
        /// Figures of one host, or of all hosts.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Counts {
            /// Connections now: connecting, leased, idle and closing together.
            pub open: usize,
            /// Attempts in flight now that are still wanted. A withdrawn attempt counts as closing until it
            /// has ended, and still against `max_connecting`.
            pub connecting: usize,
            /// Leased connections now.
            pub leased: usize,
            /// Idle connections now.
            pub idle: usize,
            /// Connections that are being closed now, and attempts that are being withdrawn.
            pub closing: usize,
            /// Requests not answered yet.
            pub waiting: usize,
            $($(#[$often_doc])* pub $often: u64,)*
            $($(#[$rare_doc])* pub $rare: u64,)*
        }

        impl AddAssign for Counts {
            fn add_assign(&mut self, other: Self) {
                self.open += other.open;
                self.connecting += other.connecting;
                self.leased += other.leased;
                self.idle += other.idle;
                self.closing += other.closing;
                self.waiting += other.waiting;
                $(self.$often += other.$often;)*
                $(self.$rare += other.$rare;)*
            }
        }

        /// [`Counts`] of one host or of an engine as a record keeps them, without waiting requests:
        /// each queue knows its length.
        #[derive(Clone, Debug, Default)]
        pub(crate) struct Counters {
            pub(crate) connecting: u32,
            pub(crate) leased: u32,
            pub(crate) idle: u32,
            pub(crate) closing: u32,
            $(pub(crate) $often: u64,)*
            /// Created at the first such event: most hosts never have one.
            rare: Option<Box<Rare>>,
        }

        #[derive(Clone, Debug, Default)]
        pub(crate) struct Rare {
            $(pub(crate) $rare: u64,)*
        }

        impl Counters {
            /// All figures, with this number of `waiting` requests.
            pub(crate) fn counts(&self, waiting: usize) -> Counts {
                let none = Rare::default();
                let rare = self.rare.as_deref().unwrap_or(&none);
                Counts {
                    open: self.open() as usize,
                    connecting: self.connecting as usize,
                    leased: self.leased as usize,
                    idle: self.idle as usize,
                    closing: self.closing as usize,
                    waiting,
                    $($often: self.$often,)*
                    $($rare: rare.$rare,)*
                }
            }
        }
    };
}

counters! {
    often {
        /// Connections opened since the start.
        opened,
        /// Requests answered with a connection that was idle when they came.
        reused_immediate,
        /// Requests answered with a connection given back while they waited.
        reused_deferred,
    }
    rarely {
        /// Connections closed to make room for another host: idle ones, and those that gave way.
        evicted,
        /// Idle connections closed because of `keep_alive` or `max_lifetime`.
        expired,
        /// Idle connections that the peer closed, or sent data on that no request had asked for. A
        /// connection that ended before its requests took it counts once for each of them that came for
        /// it.
        closed_by_peer,
        /// Requests refused because the queue was full.
        refused,
        /// Requests whose attempt failed, or whose second new connection ended before they took it.
        failed,
        /// Requests whose deadline passed.
        timed_out,
        /// Requests withdrawn before their answer was taken.
        cancelled,
    }
}

impl Counters {
    #[inline]
    pub(crate) fn gauge(&mut self, state: State) -> &mut u32 {
        match state {
            State::Connecting => &mut self.connecting,
            State::Leased => &mut self.leased,
            State::Idle => &mut self.idle,
            State::Withdrawn | State::Closing => &mut self.closing,
        }
    }

    /// Connections, in every state.
    #[inline]
    pub(crate) fn open(&self) -> u32 {
        self.connecting + self.leased + self.idle + self.closing
    }

    pub(crate) fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_two_hosts_add_up() {
        let one_to_eight = |times: usize| Counts {
            open: times,
            connecting: 2 * times,
            leased: 3 * times,
            idle: 4 * times,
            closing: 5 * times,
            waiting: 6 * times,
            // One counter of each kind; the others are made by the same line.
            opened: 7 * times as u64,
            failed: 8 * times as u64,
            ..Counts::default()
        };
        let mut sum = one_to_eight(1);
        sum += one_to_eight(2);
        assert_eq!(sum, one_to_eight(3));
    }
}
