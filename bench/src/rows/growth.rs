//! Growth: the same operation among ever more hosts, and ever more waiters.

use anyhow::Result;

use super::cycles::MANY_HOSTS;
use super::hot::{Crowd, Hot};
use super::waiters::{Ending, cost_in_child};
use crate::contenders::{Contender, Keepalive, LockedMap, Role};
use crate::measure::{Subject, interleave};
use crate::plan::Plan;
use crate::progress::Progress;
use crate::report::grouped;
use crate::table::{Better, Line, Table};

/// The growth rows.
pub(super) fn measure(plan: &Plan, progress: &Progress) -> Result<Vec<Table>> {
    let waiters = plan
        .growth_waiters
        .iter()
        .map(|&count| Waiting::boxed(count));
    Ok(vec![
        hosts::<Keepalive>("growth-hosts", plan, progress)?,
        hosts::<LockedMap>("growth-hosts-bound", plan, progress)?,
        table(
            "growth-waiters",
            "keepalive: waiters on one slot, to serve all in turn",
            "ns of processor time per waiter",
            interleave(
                &mut waiters.collect::<Vec<_>>(),
                plan.growth.count,
                progress,
            )?,
        ),
    ])
}

fn hosts<C: Contender>(id: &'static str, plan: &Plan, progress: &Progress) -> Result<Table> {
    let subjects = plan.growth_hosts.iter().map(|&hosts| {
        let name = format!("{} hosts", grouped(hosts.into()));
        let crowd = Crowd {
            hosts,
            ..MANY_HOSTS
        };
        let hot = Hot::<C>::named(name, crowd, plan.growth.length);
        Box::new(hot) as Box<dyn Subject>
    });
    let title = format!("{}: hosts at random, one task", C::NAME);
    let lines = interleave(
        &mut subjects.collect::<Vec<_>>(),
        plan.growth.count,
        progress,
    )?;
    Ok(table(id, &title, "ns per get + return", lines))
}

fn table(id: &'static str, title: &str, unit: &'static str, mut lines: Vec<Vec<Line>>) -> Table {
    let lines = lines.remove(0);
    Table {
        id,
        title: title.to_owned(),
        unit,
        better: Better::Lower,
        reference: lines.first().map(|line| line.name.clone()),
        lines,
        notes: vec![],
    }
}

struct Waiting {
    count: u32,
}

impl Waiting {
    fn boxed(count: u32) -> Box<dyn Subject> {
        Box::new(Self { count })
    }
}

impl Subject for Waiting {
    fn name(&self) -> String {
        format!("{} waiters", grouped(self.count.into()))
    }

    fn role(&self) -> Role {
        Role::Ours
    }

    fn measure(&mut self) -> Result<Vec<f64>> {
        let cost = cost_in_child(Keepalive::NAME, Ending::Drain, self.count)?;
        Ok(vec![cost.nanoseconds])
    }
}
