//! Builds test binaries, with the conditions that a proof needs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// How to build the tests of one package.
pub(crate) struct Build {
    package: &'static str,
    conditions: Vec<&'static str>,
    library: bool,
}

/// One test binary.
pub(crate) struct Tests {
    pub(crate) name: String,
    pub(crate) binary: PathBuf,
    /// Where its tests expect to be run.
    pub(crate) folder: PathBuf,
}

impl Build {
    pub(crate) fn new(package: &'static str) -> Self {
        Self {
            package,
            conditions: Vec::new(),
            library: false,
        }
    }

    /// Adds a `--cfg`.
    pub(crate) fn cfg(mut self, condition: &'static str) -> Self {
        self.conditions.push(condition);
        self
    }

    /// Only the tests inside the library.
    pub(crate) fn library(mut self) -> Self {
        self.library = true;
        self
    }

    /// Builds in release, and answers the test binaries in the order given; those not named, or
    /// not there, are left out.
    pub(crate) fn tests(&self, order: &[&str]) -> Result<Vec<Tests>, String> {
        let mut command = Command::new(env!("CARGO"));
        command
            .args([
                "test",
                "--locked",
                "--release",
                "--no-run",
                "--message-format=json",
            ])
            .args(["--package", self.package])
            .stderr(Stdio::inherit());
        Self::conditions(&mut command, &self.conditions);
        if self.library {
            command.arg("--lib");
        }
        let output = command.output().map_err(|error| error.to_string())?;
        if !output.status.success() {
            return Err(format!("{} does not build", self.package));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        let mut found: Vec<Tests> = text.lines().filter_map(parse).collect();
        found.retain(|tests| order.contains(&tests.name.as_str()));
        found.sort_by_key(|tests| order.iter().position(|name| *name == tests.name));
        Ok(found)
    }

    /// Has `command` build with more `--cfg`s. Such builds keep to a folder of their own, or they
    /// and the ordinary ones would undo each other.
    pub(crate) fn conditions(command: &mut Command, conditions: &[&str]) {
        if conditions.is_empty() {
            return;
        }
        let flags: Vec<String> = conditions
            .iter()
            .map(|condition| format!("--cfg {condition}"))
            .collect();
        command.env("RUSTFLAGS", flags.join(" ")).env(
            "CARGO_TARGET_DIR",
            target_folder().join(conditions.join("-")),
        );
    }
}

/// The test binary that a line of cargo tells of, if it does.
fn parse(line: &str) -> Option<Tests> {
    let message: Value = serde_json::from_str(line).ok()?;
    let is_test = message["profile"]["test"].as_bool()?;
    let binary = message["executable"].as_str().filter(|_| is_test)?;
    let manifest = Path::new(message["manifest_path"].as_str()?);
    Some(Tests {
        name: message["target"]["name"].as_str()?.to_owned(),
        binary: PathBuf::from(binary),
        folder: manifest.parent()?.to_owned(),
    })
}

/// Where builds with other conditions go.
pub(crate) fn target_folder() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    target.unwrap_or_else(|| root().join("target"))
}

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}
