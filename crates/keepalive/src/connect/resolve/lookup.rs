//! One lookup: the task that runs it, and the future of its waiters.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use tokio::runtime::Handle;

use crate::connect::ConnectError;
use crate::connect::observe::{Origin, PathEvent};
use crate::connect::resolve::names::{Answer, Awaited, Names, Waits};
use crate::connect::resolve::{Addresses, Families, Looking, ResolveError};
use crate::driver::deferred::catch_panic;
use crate::sync::Arc;

/// The answer of a lookup, ready at the first poll if it is already known.
///
/// A running lookup continues as long as one of these waits for it.
pub(crate) struct Lookup {
    pub(crate) families: Families,
    origin: Origin,
    answer: Pin<Box<dyn Future<Output = Answer> + Send>>,
}

impl Lookup {
    pub(crate) fn new(
        families: Families,
        origin: Origin,
        answer: impl Future<Output = Answer> + Send + 'static,
    ) -> Self {
        Self {
            families,
            origin,
            answer: Box::pin(answer),
        }
    }

    pub(super) fn waits(families: Families, mut waits: Waits, name: &str) -> Self {
        let name: Box<str> = name.into();
        Self::new(families, Origin::LookedUp, async move {
            if let Ok(answer) = waits.wait_for(Option::is_some).await
                && let Some(answer) = &*answer
            {
                return answer.clone();
            }
            let error = io::Error::other("the lookup was broken off");
            Err(ConnectError::new("resolve", error).detail(name))
        })
    }

    /// The event for the begin of the wait.
    pub(crate) fn begins<'a>(&self, name: &'a str) -> PathEvent<'a> {
        let families = self.families;
        PathEvent::LookingUp { name, families }
    }

    /// The event for the answer.
    pub(crate) fn ends<'a>(&self, name: &'a str, answer: &'a Answer) -> PathEvent<'a> {
        let (families, origin) = (self.families, self.origin);
        match answer {
            Ok(addresses) => PathEvent::Found {
                name,
                families,
                origin,
                addresses,
            },
            Err(error) => PathEvent::NotFound {
                name,
                families,
                origin,
                error,
            },
        }
    }
}

impl Future for Lookup {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        self.answer.as_mut().poll(context)
    }
}

/// A lookup to run. However it ends, its waiters are released.
pub(crate) struct Running {
    pub(super) names: Arc<Names>,
    pub(super) name: Box<str>,
    pub(super) awaited: Awaited,
}

impl Running {
    /// Runs it in a task of its own, because any of its waiters may be dropped.
    pub(super) fn start(self) {
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(self.run())),
            Err(error) => self.end(Err(ResolveError::new(error))),
        }
    }

    async fn run(self) {
        let names = Arc::clone(&self.names);
        let permit = self.while_wanted(names.permits.acquire()).await;
        // The permit may have been granted just after the last waiter was dropped.
        let wanted = || !names.give_up(&self.name, &self.awaited);
        let Some(_permit) = permit.filter(|_| wanted()) else {
            return;
        };
        let name = self.name.clone();
        let source = &names.source;
        let looking = Contained(catch_panic(|| source.lookup_any(&name, names.families)));
        let result = match source.stops_when_dropped() {
            true => self.while_wanted(looking).await,
            false => Some(looking.await),
        };
        if let Some(result) = result {
            self.end(result);
        }
    }

    /// The output of `future`; `None` once the lookup has no waiters and has left the table.
    async fn while_wanted<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let mut future = pin!(future);
        loop {
            let mut unwanted = pin!(self.awaited.closed());
            let output = poll_fn(|context| match future.as_mut().poll(context) {
                Poll::Ready(output) => Poll::Ready(Some(output)),
                Poll::Pending => unwanted.as_mut().poll(context).map(|()| None),
            });
            let output = output.await;
            if output.is_some() || self.names.give_up(&self.name, &self.awaited) {
                return output;
            }
        }
    }

    pub(crate) fn end(self, result: Result<Addresses, ResolveError>) {
        let answer = self.names.note(&self.name, &self.awaited, result);
        self.awaited.send_replace(Some(answer));
    }
}

/// The runtime may drop the task.
impl Drop for Running {
    fn drop(&mut self) {
        self.names.table.lock().forget(&self.name, &self.awaited);
    }
}

/// A lookup that turns panics into errors.
struct Contained<'a>(Option<Looking<'a>>);

impl Future for Contained<'_> {
    type Output = Result<Addresses, ResolveError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(looking) = &mut self.0 else {
            return Poll::Ready(Err(panicked()));
        };
        catch_panic(|| looking.as_mut().poll(context))
            .unwrap_or_else(|| Poll::Ready(Err(panicked())))
    }
}

impl Drop for Contained<'_> {
    fn drop(&mut self) {
        let looking = self.0.take();
        catch_panic(|| drop(looking));
    }
}

fn panicked() -> ResolveError {
    ResolveError::new("the resolver panicked")
}
