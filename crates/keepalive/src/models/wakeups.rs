//! Wake-ups of the maintenance task.

use std::time::Duration;

use super::rig::{Rig, answer, explore};
use crate::api::error::{AllocateError, ErrorKind};
use crate::api::lease::Lease;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn the_earliest_deadline_is_kept() {
    explore(|| {
        let rig = Rig::with_one_permit();
        let _lease = rig.lease(rig.request(0));
        rig.runtime.run();
        let asking = rig.beside(|rig| rig.ask(rig.request(1).timeout(SECOND)));
        let mut late = rig.ask(rig.request(0).timeout(2 * SECOND));
        let mut soon = asking.join().expect("asked");
        rig.runtime.run();
        rig.pass(SECOND);
        assert!(timed_out(answer(&mut soon)), "T1");
        assert!(answer(&mut late).is_none(), "not yet");
        rig.pass(SECOND);
        assert!(timed_out(answer(&mut late)), "T1");
        rig.rest();
    });
}

#[test]
fn no_deadline_is_slept_over() {
    explore(|| {
        let rig = Rig::with_one_permit();
        let _lease = rig.lease(rig.request(0));
        let mut first = rig.ask(rig.request(1).timeout(SECOND));
        rig.runtime.run();
        crate::runtime::simulated::advance(SECOND);
        let keeping = rig.beside(|rig| rig.runtime.run());
        let mut second = rig.ask(rig.request(0).timeout(SECOND));
        keeping.join().expect("the maintenance task sleeps again");
        rig.runtime.run();
        assert!(timed_out(answer(&mut first)), "T1");
        rig.pass(SECOND);
        assert!(timed_out(answer(&mut second)), "T1");
        rig.rest();
    });
}

#[test]
fn no_suspect_is_lost() {
    explore(|| {
        let rig = Rig::new(|_| {});
        rig.idle(rig.request(0));
        rig.idle(rig.request(1));
        let closing = rig.beside(|rig| rig.mock.close());
        rig.runtime.run();
        closing.join().expect("all are closed");
        rig.runtime.run();
        assert_eq!(rig.rest(), 0, "C3");
    });
}

fn timed_out<T>(answer: Option<Result<Lease<T>, AllocateError>>) -> bool
where
    T: crate::Connector,
{
    matches!(answer, Some(Err(error)) if error.kind() == ErrorKind::Timeout)
}
