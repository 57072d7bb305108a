//! A bug: one patch of `xtask/planted`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::build::root;

/// Where a bug is planted, which decides which checks may catch it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// In the engine.
    Engine,
    /// In the state that threads share; a model catches it.
    Shared,
    /// In the rest of the driver.
    Driver,
    /// In the HTTP client.
    Http,
}

/// One bug: its origin and its effect.
#[derive(Debug)]
pub(super) struct Bug {
    /// That of its file, as `KEEPALIVE_PLANTED` takes it.
    pub(super) name: String,
    pub(super) part: Part,
    /// Peers that shipped it, or the rule that it breaks.
    pub(super) known_from: String,
    /// The effect of the bug.
    pub(super) text: String,
    /// The test that caught it last, as `binary: test`.
    pub(super) caught_by: Option<String>,
    pub(super) path: PathBuf,
    /// The patch from its first file on.
    diff: String,
}

const CAUGHT_BY: &str = "Caught by: ";
const SWITCH: &str = "planted!(\"";

impl Part {
    const ALL: [Self; 4] = [Self::Engine, Self::Shared, Self::Driver, Self::Http];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Engine => "engine",
            Self::Shared => "shared",
            Self::Driver => "driver",
            Self::Http => "http",
        }
    }
}

impl Bug {
    /// All bugs, by part, then by name.
    pub(super) fn all() -> Result<Vec<Self>, String> {
        let folder = folder();
        let entries = fs::read_dir(&folder);
        let entries = entries.map_err(|error| format!("{}: {error}", folder.display()))?;
        let mut bugs = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| error.to_string())?.path();
            // Files that are not bugs have names that begin with a small letter.
            if let Some(name) = path.file_stem().and_then(|name| name.to_str())
                && path
                    .extension()
                    .is_some_and(|extension| extension == "patch")
                && name.starts_with(|first: char| first.is_ascii_uppercase())
            {
                let text = fs::read_to_string(&path).map_err(|error| error.to_string());
                let bug = text.and_then(|text| Self::parse(name, &path, &text));
                bugs.push(bug.map_err(|error| format!("{}: {error}", path.display()))?);
            }
        }
        bugs.sort_by(|one, other| {
            (one.part as u8, &one.name).cmp(&(other.part as u8, &other.name))
        });
        Ok(bugs)
    }

    fn parse(name: &str, path: &Path, text: &str) -> Result<Self, String> {
        let start = match text.starts_with("--- ") {
            true => Some(0),
            false => text.find("\n--- ").map(|end| end + 1),
        };
        let (head, diff) = text.split_at(start.ok_or("it has no line that begins with ---")?);
        let field = |key: &str| {
            let line = head.lines().find_map(|line| line.strip_prefix(key));
            line.map(|value| value.trim().to_owned())
        };
        let part = field("Part: ").ok_or("it has no line \"Part: \"")?;
        let known = Part::ALL.into_iter().find(|known| known.name() == part);
        let text = head.split("\n\n").nth(1).unwrap_or_default();
        let text = text.trim().trim_end_matches('.').replace('\n', " ");
        if text.is_empty() {
            return Err("it has no paragraph that says what goes wrong".to_owned());
        }
        Ok(Self {
            name: name.to_owned(),
            part: known.ok_or_else(|| format!("no part is called {part:?}"))?,
            known_from: field("Known from: ").ok_or("it has no line \"Known from: \"")?,
            text,
            caught_by: field(CAUGHT_BY),
            path: path.to_owned(),
            diff: diff.to_owned(),
        })
    }

    /// Whether it can be planted beside others: whether a switch puts it to work.
    pub(super) fn has_switch(&self) -> bool {
        self.diff.contains(SWITCH)
    }

    /// Whether it applies to the sources as they are, at one place alone, and by its own name.
    pub(super) fn check(&self) -> Result<(), String> {
        let Self { name, path, .. } = self;
        let switches = self.diff.split(SWITCH).skip(1);
        for switch in switches.map(|rest| rest.split('"').next().unwrap_or(rest)) {
            if switch != name {
                return Err(format!("{name}: it has a switch of the name {switch}"));
            }
        }
        apply(path, &root(), true)?;
        for (file, lines) in self.hunks() {
            let text = fs::read_to_string(root().join(file));
            let text = text.map_err(|error| format!("{name}: {file}: {error}"))?;
            let text: Vec<&str> = text.lines().collect();
            let places = text.windows(lines.len()).filter(|place| **place == lines);
            if places.count() != 1 {
                let first = lines.first().unwrap_or(&"");
                return Err(format!(
                    "{name}: {file} has the lines from {first:?} on more than once; give the patch more context"
                ));
            }
        }
        Ok(())
    }

    /// The file of each change, and the lines that it expects there.
    fn hunks(&self) -> Vec<(&str, Vec<&str>)> {
        let mut hunks = Vec::new();
        let mut file = "";
        for line in self.diff.lines() {
            if let Some(name) = line.strip_prefix("--- a/") {
                file = name;
            } else if line.starts_with("@@") {
                hunks.push((file, Vec::new()));
            } else if let Some((_, lines)) = hunks.last_mut()
                && (line.is_empty() || line.starts_with([' ', '-']))
            {
                lines.push(line.get(1..).unwrap_or_default());
            }
        }
        hunks
    }

    /// Notes which check caught it.
    pub(super) fn record(&self, check: &str) -> Result<(), String> {
        if self.caught_by.as_deref() == Some(check) {
            return Ok(());
        }
        let text = fs::read_to_string(&self.path).map_err(|error| error.to_string())?;
        let lines = text.lines().filter(|line| !line.starts_with(CAUGHT_BY));
        let noted: String = lines
            .map(|line| match line.starts_with("Known from: ") {
                true => format!("{line}\n{CAUGHT_BY}{check}\n"),
                false => format!("{line}\n"),
            })
            .collect();
        fs::write(&self.path, noted).map_err(|error| error.to_string())
    }
}

/// Where the patches are.
pub(super) fn folder() -> PathBuf {
    root().join("xtask/planted")
}

/// Applies a patch to a tree of sources, or only checks that it applies.
pub(super) fn apply(patch: &Path, tree: &Path, only_check: bool) -> Result<(), String> {
    let mut command = Command::new("git");
    // A tree within the repository is none of its folders.
    if let Some(above) = tree.parent() {
        command.env("GIT_CEILING_DIRECTORIES", above);
    }
    let output = command
        .current_dir(tree)
        .arg("apply")
        .args(only_check.then_some("--check"))
        .arg(patch)
        .output()
        .map_err(|error| format!("git: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!(
            "{} does not apply: {}",
            patch.display(),
            String::from_utf8_lossy(&output.stderr).trim_end()
        )),
    }
}
