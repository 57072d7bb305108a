//! Reads the rest of a body that its user has dropped.

use std::future::poll_fn;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::StreamConnector;
use crate::hold::Hold;
use crate::received::Received;

/// How much of the rest is read, so that the connection can be reused: less work than a new one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rest {
    pub(crate) bytes: u64,
    pub(crate) time: Duration,
}

/// 64 KiB within 50 ms.
pub(crate) const USUAL: Rest = Rest {
    bytes: 64 * 1024,
    time: Duration::from_millis(50),
};

impl Rest {
    /// Reads the rest in a task, if it is small and arrives soon, and returns the connection;
    /// closes it otherwise.
    pub(crate) fn read<C: StreamConnector>(self, incoming: Received, mut hold: Hold<C>) {
        let runtime = Handle::try_current();
        let may_fit = incoming.size_hint().lower() <= self.bytes && self.bytes > 0;
        let worth = !hold.is_shared() && may_fit && !self.time.is_zero();
        let Some(runtime) = runtime.ok().filter(|_| worth) else {
            drop(incoming);
            return hold.break_off();
        };
        runtime.spawn(async move {
            let read = async {
                if drained(incoming, &mut hold, self.bytes).await {
                    poll_fn(|context| hold.poll_free(context)).await;
                }
            };
            // In time or not, the connection's hold is dropped now.
            let _in_time = timeout(self.time, read).await;
        });
    }
}

/// Whether the body ended within `bytes`.
async fn drained<C: StreamConnector>(
    mut incoming: Received,
    hold: &mut Hold<C>,
    mut bytes: u64,
) -> bool {
    while let Some(frame) = poll_fn(|cx| hold.poll_frame(cx, &mut incoming)).await {
        let Ok(frame) = frame else { return false };
        let length = frame.data_ref().map_or(0, |data| data.len() as u64);
        match bytes.checked_sub(length) {
            Some(left) => bytes = left,
            None => return false,
        }
    }
    true
}
