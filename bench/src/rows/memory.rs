//! Row f: the bytes that a pool keeps on the heap for each idle connection.

use std::env::current_exe;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::contenders::{
    Bb8, Contender, Deadpool, HyperUtil, Keepalive, LockedMap, LockedVec, PerHost, Pingora, Role,
    Setup,
};
use crate::fill;
use crate::measure::{Subject, interleave};
use crate::payload::PAYLOAD;
use crate::plan::Plan;
use crate::progress::Progress;
use crate::table::{Better, Table};

/// Where the idle connections are.
#[derive(Clone, Copy)]
enum Place {
    OneHost,
    OnePerHost,
}

const RECORDS: u32 = 10_000;

/// Row f.
pub(super) fn measure(plan: &Plan, progress: &Progress) -> Result<Vec<Table>> {
    build()?;
    let one_host: Vec<Box<dyn Subject>> = vec![
        Heap::boxed::<LockedVec>(Place::OneHost),
        Heap::boxed::<Deadpool>(Place::OneHost),
        Heap::boxed::<Bb8>(Place::OneHost),
        Heap::boxed::<HyperUtil>(Place::OneHost),
        Heap::boxed::<Pingora>(Place::OneHost),
        Heap::boxed::<Keepalive>(Place::OneHost),
    ];
    let one_per_host: Vec<Box<dyn Subject>> = vec![
        Heap::boxed::<LockedMap>(Place::OnePerHost),
        Heap::boxed::<PerHost<Deadpool>>(Place::OnePerHost),
        Heap::boxed::<PerHost<Bb8>>(Place::OnePerHost),
        Heap::boxed::<HyperUtil>(Place::OnePerHost),
        Heap::boxed::<Pingora>(Place::OnePerHost),
        Heap::boxed::<Keepalive>(Place::OnePerHost),
    ];
    let mut tables = Vec::new();
    for (id, title, reference, mut subjects) in [
        (
            "f-one",
            "10,000 idle at one host",
            LockedVec::NAME,
            one_host,
        ),
        (
            "f-many",
            "one idle at each of 10,000 hosts",
            LockedMap::NAME,
            one_per_host,
        ),
    ] {
        tables.push(Table {
            id,
            title: format!("{title}, beyond their payload of {PAYLOAD} bytes"),
            unit: "heap bytes per idle connection",
            better: Better::Lower,
            reference: Some(reference.to_owned()),
            lines: interleave(&mut subjects, plan.memory, progress)?.remove(0),
            notes: Vec::new(),
        });
    }
    Ok(tables)
}

struct Heap {
    name: &'static str,
    role: Role,
    place: Place,
}

impl Heap {
    fn boxed<C: Contender>(place: Place) -> Box<dyn Subject> {
        Box::new(Self {
            name: C::NAME,
            role: C::ROLE,
            place,
        })
    }
}

impl Subject for Heap {
    fn name(&self) -> String {
        self.name.to_owned()
    }

    fn role(&self) -> Role {
        self.role
    }

    fn measure(&mut self) -> Result<Vec<f64>> {
        let place = match self.place {
            Place::OneHost => "one-host",
            Place::OnePerHost => "one-per-host",
        };
        let output = Command::new(binary()?).args([place, self.name]).output()?;
        ensure!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(vec![String::from_utf8(output.stdout)?.trim().parse()?])
    }
}

/// Builds the binary that counts: `cargo run` builds only the one that it runs.
fn build() -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--release", "--quiet", "--locked", "--bin", "heap"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .context("cargo can not be run")?;
    ensure!(
        status.success(),
        "the binary `heap` was not built: {status}"
    );
    Ok(())
}

fn binary() -> Result<PathBuf> {
    Ok(current_exe()?.with_file_name("heap"))
}

/// Bytes that stay on the heap for each idle connection, by a count of those allocated; for the
/// binary whose allocator counts.
///
/// # Errors
///
/// When the contender or the place is unknown, or the wrong number of connections was opened.
pub fn count(place: &str, contender: &str, allocated: impl Fn() -> usize) -> Result<f64> {
    match (place, contender) {
        ("one-host", LockedVec::NAME) => one_host::<LockedVec>(allocated),
        ("one-host", Deadpool::NAME) => one_host::<Deadpool>(allocated),
        ("one-host", Bb8::NAME) => one_host::<Bb8>(allocated),
        ("one-host", HyperUtil::NAME) => one_host::<HyperUtil>(allocated),
        ("one-host", Pingora::NAME) => one_host::<Pingora>(allocated),
        ("one-host", Keepalive::NAME) => one_host::<Keepalive>(allocated),
        ("one-per-host", LockedMap::NAME) => one_per_host::<LockedMap>(allocated),
        ("one-per-host", Deadpool::NAME) => one_per_host::<PerHost<Deadpool>>(allocated),
        ("one-per-host", Bb8::NAME) => one_per_host::<PerHost<Bb8>>(allocated),
        ("one-per-host", HyperUtil::NAME) => one_per_host::<HyperUtil>(allocated),
        ("one-per-host", Pingora::NAME) => one_per_host::<Pingora>(allocated),
        ("one-per-host", Keepalive::NAME) => one_per_host::<Keepalive>(allocated),
        _ => bail!("{place} of {contender} is not measured"),
    }
}

fn one_host<C: Contender>(allocated: impl Fn() -> usize) -> Result<f64> {
    beyond_payload(&Setup::new(1, RECORDS), allocated, async |contender: &C| {
        fill::one_host(contender, &contender.key(0), RECORDS).await;
    })
}

fn one_per_host<C: Contender>(allocated: impl Fn() -> usize) -> Result<f64> {
    beyond_payload(&Setup::new(RECORDS, 1), allocated, async |contender: &C| {
        fill::one_per_host(contender, RECORDS).await;
    })
}

fn beyond_payload<C: Contender>(
    setup: &Setup,
    allocated: impl Fn() -> usize,
    fill: impl AsyncFnOnce(&C),
) -> Result<f64> {
    let opener = setup.opener.clone();
    // On this thread alone, so that nothing of the runtime grows meanwhile.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let bytes = runtime.block_on(async {
        let before = allocated();
        let contender = C::open(setup);
        // Keys and requests are dropped after use, so the bytes left belong to the pool.
        fill(&contender).await;
        settle().await;
        let bytes = allocated() - before;
        drop(contender);
        bytes
    });
    ensure!(
        opener.opened() == RECORDS,
        "{} connections were opened",
        opener.opened()
    );
    Ok(bytes as f64 / f64::from(RECORDS) - PAYLOAD as f64)
}

/// Lets tasks that a pool has started come to rest.
async fn settle() {
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
}
