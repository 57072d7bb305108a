//! Writes one line of JSON for each result.

mod line;

use std::io::{self, BufWriter, Write};

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::fetch::fetcher::Fetched;

/// The number of lines that may wait for a slow reader; with more, fetching pauses.
const AHEAD: usize = 256;

/// The destination of the lines, with its name for messages.
pub(crate) type Destination = (String, Box<dyn Write + Send>);

/// Writes the lines on a thread of its own, so that a pager blocks nothing else.
#[derive(Debug)]
pub(crate) struct Report {
    name: String,
    lines: mpsc::Sender<Vec<u8>>,
    task: JoinHandle<io::Result<()>>,
}

/// The lines can not be written any more; [`Report::finish`] has the reason.
#[derive(Debug)]
pub(crate) struct Broken;

/// The lines could not be written.
#[derive(Debug, thiserror::Error)]
#[error("can not write the results to {name}: {error}")]
pub(crate) struct ReportError {
    name: String,
    error: io::Error,
    /// Whether a signal ended the wait for the reader.
    pub(crate) stopped: bool,
}

impl Report {
    pub(crate) fn start((name, writer): Destination) -> Self {
        let (lines, receiver) = mpsc::channel(AHEAD);
        let task = spawn_blocking(move || write_all(receiver, BufWriter::new(writer)));
        Self { name, lines, task }
    }

    /// Queues the line of a result; waits while the queue is full. Fails if an earlier line did.
    pub(crate) async fn write(&self, fetched: &Fetched) -> Result<(), Broken> {
        let line = line::of(fetched).map_err(|_| Broken)?;
        self.lines.send(line).await.map_err(|_| Broken)
    }

    /// Waits until every line is written; fails if one is not written before `stop` completes.
    pub(crate) async fn finish(self, stop: impl Future<Output = ()>) -> Result<(), ReportError> {
        let Self { name, lines, task } = self;
        drop(lines);
        let (error, stopped) = tokio::select! {
            result = task => match result.unwrap_or_else(|gone| Err(gone.into())) {
                Ok(()) => return Ok(()),
                Err(error) => (error, false),
            },
            () = stop => (io::Error::other("nobody reads the last of them"), true),
        };
        Err(ReportError {
            name,
            error,
            stopped,
        })
    }
}

/// Writes lines, and flushes when the queue is empty, so that readers get each line soon.
fn write_all(mut lines: mpsc::Receiver<Vec<u8>>, mut writer: impl Write) -> io::Result<()> {
    loop {
        let line = match lines.try_recv() {
            Ok(line) => Some(line),
            Err(TryRecvError::Disconnected) => None,
            Err(TryRecvError::Empty) => {
                writer.flush()?;
                lines.blocking_recv()
            }
        };
        match line {
            Some(line) => writer.write_all(&line)?,
            None => return writer.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_closed_pipe_of_results_is_an_error() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let report = Report::start(("the pipe".to_owned(), Box::new(Closed)));
        let fetched = Fetched::begin(1, "http://h/");
        while report.write(&fetched).await.is_ok() {}
        let error = report
            .finish(std::future::pending())
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains("the pipe: "), "{error}");
    }
}
