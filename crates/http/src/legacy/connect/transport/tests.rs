//! A transport over a pipe: poison, and bytes found by a check.

use std::sync::atomic::AtomicUsize;
use std::task::Wake;

use tokio::io::{AsyncWriteExt, DuplexStream};

use super::*;

#[test]
fn a_poisoned_transport_is_seen() {
    let info = Info::new(Connected::new().extra("poisoned: true").proxy(true), None);
    assert!(!info.is_poisoned());
    let given = info.give();
    assert!(!info.is_poisoned());
    given.as_ref().as_ref().unwrap().poison();
    assert!(info.is_poisoned());
}

#[test]
fn a_transport_poisoned_from_the_beginning_is_seen() {
    let connected = Connected::new();
    connected.poison();
    assert!(Info::new(connected, None).is_poisoned());
}

#[tokio::test]
async fn a_byte_that_a_check_finds_is_not_lost() {
    let (mut transport, mut far) = transport();
    let reader = Arc::new(Reader::default());
    let pending = read(&mut transport, &reader);
    assert!(pending.is_pending() && transport.check().is_ok());
    // The pending read was woken, but has not run yet.
    far.write_all(b"ab").await.unwrap();
    let told = reader.0.load(Ordering::SeqCst);
    for _ in 0..2 {
        let found = transport.check();
        assert!(matches!(found, Err(Unusable::UnexpectedData)), "{found:?}");
    }
    assert!(reader.0.load(Ordering::SeqCst) > told);
    for expected in [b'a', b'b'] {
        assert_eq!(read(&mut transport, &reader), Poll::Ready(expected));
    }
}

#[tokio::test]
async fn a_check_finds_the_end_of_a_transport() {
    let (mut transport, far) = transport();
    let pending = read(&mut transport, &Arc::default());
    assert!(pending.is_pending());
    drop(far);
    let found = transport.check();
    assert!(matches!(found, Err(Unusable::Closed)), "{found:?}");
}

#[tokio::test]
async fn a_check_finds_poison() {
    let (mut transport, _far) = transport();
    assert!(read(&mut transport, &Arc::default()).is_pending());
    let given = transport.info.give();
    given.as_ref().as_ref().unwrap().poison();
    assert!(transport.check().is_err());
}

fn transport() -> (Transport<TokioIo<Pipe>>, DuplexStream) {
    let (near, far) = tokio::io::duplex(16);
    (Transport::new(TokioIo::new(Pipe(near)), None), far)
}

/// Reads a byte; at the end, a zero.
fn read(transport: &mut Transport<TokioIo<Pipe>>, reader: &Arc<Reader>) -> Poll<u8> {
    let waker = Waker::from(Arc::clone(reader));
    let mut byte = [0];
    let mut buffer = ReadBuf::new(&mut byte);
    let read = Pin::new(transport).poll_read(&mut Context::from_waker(&waker), &mut buffer);
    read.map(|read| read.unwrap()).map(|()| byte[0])
}

/// Counts how often it is woken.
#[derive(Default)]
struct Reader(AtomicUsize);

impl Wake for Reader {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

struct Pipe(DuplexStream);

keepalive_testkit::forward_io!(Pipe, 0);

impl super::super::Connection for Pipe {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}
