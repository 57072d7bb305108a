//! `cargo xtask planted`: puts each bug of `xtask/planted` to work, and sees which check notices.

mod bug;
mod checks;
mod tree;

use std::io::Write;
use std::time::Instant;

use bug::Bug;
use checks::Checks;

/// Plants each bug of xtask/planted in a copy of the sources, and prints which check caught it
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only this one; may be repeated
    #[arg(long)]
    bug: Vec<String>,
    /// Only list the bugs
    #[arg(long, conflicts_with_all = ["check", "record"])]
    list: bool,
    /// Only see whether each patch is well-formed and applies to the sources; builds nothing
    #[arg(long, conflicts_with = "record")]
    check: bool,
    /// Note in each patch which check caught the bug, to be tried first from then on
    #[arg(long)]
    record: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), String> {
    let mut bugs = Bug::all()?;
    if let Some(unknown) = arguments
        .bug
        .iter()
        .find(|name| !bugs.iter().any(|bug| bug.name == **name))
    {
        return Err(format!("no bug is called {unknown}; see --list"));
    }
    if !arguments.bug.is_empty() {
        bugs.retain(|bug| arguments.bug.contains(&bug.name));
    }
    if arguments.list {
        list(&bugs);
        return Ok(());
    }
    check(&bugs)?;
    if arguments.check {
        println!("{} patches apply", bugs.len());
        return Ok(());
    }
    let start = Instant::now();
    let groups = tree::grow(&bugs)?;
    println!("{:<28} {:<46} after", "bug", "first caught by");
    let mut missed = Vec::new();
    for group in groups {
        let checks = Checks::build(&group)?;
        for bug in group.bugs {
            match checks.hunt(bug)? {
                Some(catch) => {
                    println!("{:<28} {:<46} {}", bug.name, catch.check, catch.after);
                    if arguments.record {
                        bug.record(&catch.check)?;
                    }
                }
                None => {
                    println!("{:<28} nothing", bug.name);
                    missed.push(bug.name.as_str());
                }
            }
        }
    }
    let (count, seconds) = (bugs.len(), start.elapsed().as_secs());
    println!(
        "{} of {count} planted bugs caught in {seconds} s",
        count - missed.len()
    );
    match missed.is_empty() {
        true => Ok(()),
        false => Err(format!("nothing catches {}", missed.join(", "))),
    }
}

fn list(bugs: &[Bug]) {
    let lines = bugs.iter().map(|bug| {
        let (part, text) = (bug.part.name(), &bug.text);
        format!("{:<28} {part:<7} {text} ({})\n", bug.name, bug.known_from)
    });
    let list: String = lines.collect();
    // The reader of the list may close the pipe early.
    let _ = std::io::stdout().write_all(list.as_bytes());
}

/// Checks all patches, and reports together those that must be mended.
fn check(bugs: &[Bug]) -> Result<(), String> {
    let faults = bugs.iter().filter_map(|bug| bug.check().err());
    let faults: Vec<String> = tree::check_tests()
        .err()
        .into_iter()
        .chain(faults)
        .collect();
    match faults.is_empty() {
        true => Ok(()),
        false => Err(format!(
            "{}\nHow to mend a patch stands in CONTRIBUTING.md, \"Planted bugs\".",
            faults.join("\n")
        )),
    }
}
