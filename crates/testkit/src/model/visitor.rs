//! A request beside the numbered ones, to find the traces that it leaves.

use keepalive_engine::{Ask, Reason, RequestId};

use super::{Effect, Subject};

/// A request that the model does not know.
#[derive(Clone, Copy, Debug)]
pub struct Visitor(RequestId);

const NUMBER: u64 = 1 << 40;

impl Subject {
    pub fn visit(&mut self, host: usize) -> Visitor {
        let ask = Ask {
            host: self.host(host),
            number: NUMBER,
            timeout: None,
            queue_timeout: None,
        };
        let id = self.engine.request(self.now, &mut self.room, ask);
        self.drain();
        Visitor(id)
    }

    /// Whether a visitor waits, and has no attempt.
    pub fn has_begun_nothing(&mut self, Visitor(id): Visitor) -> bool {
        let waiting = self.engine.waiting(self.now, &mut self.room, id);
        waiting.is_some_and(|waiting| {
            !matches!(
                waiting.reason(),
                Reason::Resolving | Reason::Connecting | Reason::Tunnelling | Reason::Handshaking
            )
        })
    }

    /// A visitor withdraws; `unheard` if it drops the request and gets no answer.
    pub fn withdraw(&mut self, Visitor(id): Visitor, unheard: bool) {
        if unheard {
            self.engine.forget(self.now, &mut self.room, id);
        } else {
            assert!(self.engine.cancel(self.now, &mut self.room, id));
        }
        self.drain();
        let told = self.effects().iter().filter(|effect| is_visitors(effect));
        assert_eq!(told.count(), usize::from(!unheard), "it is told once");
    }

    /// The actions of the last input, without those for a visitor.
    pub fn effects_on_others(&self) -> Vec<Effect> {
        let effects = self.effects().iter().filter(|effect| !is_visitors(effect));
        effects.copied().collect()
    }
}

fn is_visitors(effect: &Effect) -> bool {
    matches!(effect, Effect::Answer(number, _) if *number as u64 == NUMBER)
}
