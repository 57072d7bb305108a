//! Copies of the sources with bugs in them.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use super::bug::{Bug, apply, folder};
use crate::build::{root, target_folder};

/// Bugs that were planted in one copy of the sources.
pub(super) struct Group<'a> {
    pub(super) tree: PathBuf,
    /// The `--cfg` that separates builds of this copy from those of others.
    pub(super) condition: String,
    pub(super) bugs: Vec<&'a Bug>,
}

/// The patch that changes the tests where bugs are planted.
const TESTS: &str = "tests.patch";
/// The macro `planted!`, and the roots of the crates that get it.
const SWITCH: &str = "switch.rs";
const CRATES: [&str; 4] = [
    "crates/engine/src/lib.rs",
    "crates/keepalive/src/lib.rs",
    "crates/http/src/lib.rs",
    "crates/cli/src/main.rs",
];

/// Plants all bugs, in as few copies as possible: those whose patches change the same lines, and
/// those without a switch, are not in one.
pub(super) fn grow(bugs: &[Bug]) -> Result<Vec<Group<'_>>, String> {
    let mut groups = Vec::new();
    let mut left: Vec<&Bug> = bugs.iter().collect();
    while !left.is_empty() {
        let tree = target_folder()
            .join("planted")
            .join(groups.len().to_string());
        let seedling = tree.with_extension("new");
        copy(&seedling).map_err(|error| format!("{}: {error}", seedling.display()))?;
        apply(&folder().join(TESTS), &seedling, false)?;
        let (mut planted, mut later) = (Vec::<&Bug>::new(), Vec::new());
        for bug in left {
            let alone = |bug: &&Bug| !bug.has_switch();
            let fits = planted.is_empty() || !(alone(&bug) || planted.iter().any(alone));
            match fits && apply(&bug.path, &seedling, false).is_ok() {
                true => planted.push(bug),
                false => later.push(bug),
            }
        }
        if planted.is_empty() {
            return Err(format!("{} cannot be planted", later[0].name));
        }
        update(&seedling, &tree).map_err(|error| format!("{}: {error}", tree.display()))?;
        groups.push(Group {
            tree,
            condition: format!("planted_{}", groups.len()),
            bugs: planted,
        });
        left = later;
    }
    Ok(groups)
}

/// Whether the patch of the tests applies to them as they are.
pub(super) fn check_tests() -> Result<(), String> {
    apply(&folder().join(TESTS), &root(), true)
}

/// Copies the sources as they are now, committed or not, and gives the crates the switch.
fn copy(to: &Path) -> io::Result<()> {
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    for file in sources()? {
        let (from, to) = (root().join(&file), to.join(&file));
        // git still lists a deleted file.
        if from.is_file() {
            fs::create_dir_all(to.parent().unwrap_or(&to))?;
            fs::copy(from, to)?;
        }
    }
    let switch = fs::read_to_string(folder().join(SWITCH))?;
    for file in CRATES.map(|file| to.join(file)) {
        let text = fs::read_to_string(&file)?;
        fs::write(file, text + &switch)?;
    }
    Ok(())
}

fn sources() -> io::Result<Vec<PathBuf>> {
    let output = Command::new("git")
        .current_dir(root())
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .output()?;
    let list = String::from_utf8_lossy(&output.stdout);
    let files = list.split_terminator('\0').map(PathBuf::from);
    Ok(files.collect())
}

/// Makes `tree` equal to `seedling`. Equal files stay untouched, so that cargo does not build them
/// again.
fn update(seedling: &Path, tree: &Path) -> io::Result<()> {
    let mut kept = HashSet::new();
    for file in files(seedling)? {
        let to = tree.join(&file);
        let text = fs::read(seedling.join(&file))?;
        if !fs::read(&to).is_ok_and(|known| known == text) {
            fs::create_dir_all(to.parent().unwrap_or(&to))?;
            fs::write(to, text)?;
        }
        kept.insert(file);
    }
    for file in files(tree)? {
        if !kept.contains(&file) {
            fs::remove_file(tree.join(file))?;
        }
    }
    fs::remove_dir_all(seedling)
}

/// All files below a folder, by their paths from there.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let (mut found, mut folders) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(inner) = folders.pop() {
        for entry in fs::read_dir(folder.join(&inner))? {
            let entry = entry?;
            let path = inner.join(entry.file_name());
            match entry.file_type()?.is_dir() {
                true => folders.push(path),
                false => found.push(path),
            }
        }
    }
    Ok(found)
}
