//! Rows a to d: their crowds of tasks and their contenders.

use std::time::Duration;

use anyhow::Result;

use super::hot::{Crowd, Hot};
use crate::contenders::{
    Bb8, Contender, Deadpool, HyperUtil, Keepalive, LockedMap, LockedVec, PerHost, Pingora,
    Semaphore,
};
use crate::measure::{Subject, interleave};
use crate::plan::Rounds;
use crate::progress::Progress;
use crate::table::{Better, Table};

const ONE_TASK: Crowd = Crowd {
    tasks: 1,
    workers: 1,
    hosts: 1,
    per_host: 64,
    yields: false,
    warm: 1,
};
const CROWDED: Crowd = Crowd {
    tasks: 64,
    workers: 2,
    warm: 64,
    ..ONE_TASK
};
const CONTENDED: Crowd = Crowd {
    tasks: 64,
    per_host: 4,
    yields: true,
    warm: 4,
    ..ONE_TASK
};
pub(super) const MANY_HOSTS: Crowd = Crowd {
    hosts: 10_000,
    per_host: 4,
    ..ONE_TASK
};
const MANY_HOSTS_CROWDED: Crowd = Crowd {
    tasks: 64,
    workers: 2,
    ..MANY_HOSTS
};

/// Row a.
pub(super) fn one_task(rounds: Rounds, progress: &Progress) -> Result<Vec<Table>> {
    let title = "one task, one host";
    let table = cycles(
        "a",
        title,
        unlimited(ONE_TASK, rounds.length),
        rounds,
        progress,
    )?;
    Ok(vec![table])
}

/// Row b.
pub(super) fn crowded(rounds: Rounds, progress: &Progress) -> Result<Vec<Table>> {
    let title = "64 tasks on 2 workers, one host, nobody waits";
    let table = cycles(
        "b",
        title,
        unlimited(CROWDED, rounds.length),
        rounds,
        progress,
    )?;
    Ok(vec![table])
}

/// Row c.
pub(super) fn contended(rounds: Rounds, progress: &Progress) -> Result<Vec<Table>> {
    let mut tables = Vec::new();
    for (id, workers, title) in [
        ("c1", 1, "64 tasks on 4 connections, 1 worker"),
        ("c2", 2, "64 tasks on 4 connections, 2 workers"),
    ] {
        let crowd = Crowd {
            workers,
            ..CONTENDED
        };
        let mut table = cycles(id, title, limited(crowd, rounds.length), rounds, progress)?;
        table.reference = Some(Semaphore::NAME.to_owned());
        tables.push(table);
    }
    Ok(tables)
}

/// Row d.
pub(super) fn many_hosts(rounds: Rounds, progress: &Progress) -> Result<Vec<Table>> {
    let mut tables = Vec::new();
    for (id, crowd, title) in [
        ("d1", MANY_HOSTS, "10,000 hosts at random, one task"),
        (
            "d64",
            MANY_HOSTS_CROWDED,
            "10,000 hosts at random, 64 tasks on 2 workers",
        ),
    ] {
        let mut table = cycles(id, title, mapped(crowd, rounds.length), rounds, progress)?;
        table.reference = Some(LockedMap::NAME.to_owned());
        table
            .notes
            .push("deadpool and bb8: a pool for each host, in a locked HashMap".to_owned());
        tables.push(table);
    }
    Ok(tables)
}

type Subjects = Vec<Box<dyn Subject>>;

fn unlimited(crowd: Crowd, length: Duration) -> Subjects {
    vec![
        Hot::<LockedVec>::boxed(crowd, length),
        Hot::<Semaphore>::boxed(crowd, length),
        Hot::<Deadpool>::boxed(crowd, length),
        Hot::<Bb8>::boxed(crowd, length),
        Hot::<HyperUtil>::boxed(crowd, length),
        Hot::<Pingora>::boxed(crowd, length),
        Hot::<Keepalive>::boxed(crowd, length),
    ]
}

/// Those that know a limit.
fn limited(crowd: Crowd, length: Duration) -> Subjects {
    vec![
        Hot::<Semaphore>::boxed(crowd, length),
        Hot::<Deadpool>::boxed(crowd, length),
        Hot::<Bb8>::boxed(crowd, length),
        Hot::<Keepalive>::boxed(crowd, length),
    ]
}

fn mapped(crowd: Crowd, length: Duration) -> Subjects {
    vec![
        Hot::<LockedMap>::boxed(crowd, length),
        Hot::<PerHost<Deadpool>>::boxed(crowd, length),
        Hot::<PerHost<Bb8>>::boxed(crowd, length),
        Hot::<HyperUtil>::boxed(crowd, length),
        Hot::<Pingora>::boxed(crowd, length),
        Hot::<Keepalive>::boxed(crowd, length),
    ]
}

fn cycles(
    id: &'static str,
    title: &str,
    mut subjects: Subjects,
    rounds: Rounds,
    progress: &Progress,
) -> Result<Table> {
    let lines = interleave(&mut subjects, rounds.count, progress)?.remove(0);
    Ok(Table {
        id,
        title: title.to_owned(),
        unit: "ns per get + return",
        better: Better::Lower,
        reference: Some(LockedVec::NAME.to_owned()),
        lines,
        notes: Vec::new(),
    })
}
