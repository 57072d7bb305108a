//! Builds test binaries, with the conditions that a proof needs.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fs, io};

use serde_json::Value;

/// How to build the tests of one package.
pub(crate) struct Build {
    package: &'static str,
    /// Where the workspace is.
    tree: PathBuf,
    conditions: Vec<String>,
    quickly: bool,
}

/// One test binary.
pub(crate) struct Tests {
    pub(crate) name: String,
    pub(crate) binary: PathBuf,
    /// Where its tests expect to be run.
    pub(crate) folder: PathBuf,
}

/// Settings that make the packages with the longest builds build faster.
const QUICKLY: [&str; 4] = [
    "profile.release.package.keepalive.opt-level=1",
    "profile.release.package.keepalive.debug=false",
    "profile.release.package.keepalive-http.opt-level=1",
    "profile.release.package.keepalive-http.debug=false",
];

impl Build {
    pub(crate) fn new(package: &'static str) -> Self {
        Self {
            package,
            tree: root(),
            conditions: Vec::new(),
            quickly: false,
        }
    }

    /// Builds the copy of the workspace at `tree`. It shares the target folder of the original, so
    /// that common dependencies are built once. `condition` is unique to the copy: without it,
    /// cargo would take the build of one copy for that of another.
    pub(crate) fn of(self, tree: &Path, condition: &str) -> Self {
        let tree = tree.to_owned();
        Self { tree, ..self }.cfg(condition)
    }

    /// Adds a `--cfg`.
    pub(crate) fn cfg(mut self, condition: &str) -> Self {
        self.conditions.push(condition.to_owned());
        self
    }

    /// Builds the largest packages with little optimisation: the binaries need not be fast.
    pub(crate) fn quickly(mut self) -> Self {
        self.quickly = true;
        self
    }

    /// Builds these in release, and answers the test binaries in the order given. The tests inside
    /// the library go by its name.
    pub(crate) fn tests(&self, order: &[&str]) -> Result<Vec<Tests>, String> {
        let library = self.package.replace('-', "_");
        let mut command = Command::new(env!("CARGO"));
        command
            .current_dir(&self.tree)
            .env("CARGO_TARGET_DIR", target_folder())
            .args([
                "test",
                "--locked",
                "--release",
                "--no-run",
                "--message-format=json",
            ])
            .args(["--package", self.package])
            .stderr(Stdio::inherit());
        if self.quickly {
            command.args(QUICKLY.iter().flat_map(|change| ["--config", change]));
        }
        Self::conditions(&mut command, &self.conditions)?;
        for name in order {
            match *name == library {
                true => command.arg("--lib"),
                false => command.args(["--test", name]),
            };
        }
        let output = command.output().map_err(|error| error.to_string())?;
        if !output.status.success() {
            return Err(format!("{} does not build", self.package));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        let mut found: Vec<Tests> = text.lines().filter_map(parse).collect();
        found.sort_by_key(|tests| order.iter().position(|name| *name == tests.name));
        Ok(found)
    }

    /// Makes `command` build our own crates with more `--cfg`s. Their dependencies are built once
    /// for all conditions: cargo keeps the builds of different wrappers apart.
    pub(crate) fn conditions<S: AsRef<str>>(
        command: &mut Command,
        conditions: &[S],
    ) -> Result<(), String> {
        // `cargo xtask` sets this variable. Some build scripts read it, and their crates would be
        // built anew.
        command.env_remove("CARGO_MANIFEST_DIR");
        if conditions.is_empty() {
            return Ok(());
        }
        let conditions: Vec<&str> = conditions.iter().map(AsRef::as_ref).collect();
        let wrapper = wrapper(&conditions).map_err(|error| format!("a wrapper: {error}"))?;
        command.env("RUSTC_WORKSPACE_WRAPPER", wrapper);
        Ok(())
    }
}

/// A program that runs the compiler with more `--cfg`s.
fn wrapper(conditions: &[&str]) -> io::Result<PathBuf> {
    let flags = conditions.iter().map(|name| format!(" --cfg {name}"));
    let text = format!("#!/bin/sh\nexec \"$@\"{}\n", flags.collect::<String>());
    let folder = target_folder().join("conditions");
    let path = folder.join(conditions.join("-"));
    // Touched, it would make everything stale.
    if fs::read_to_string(&path).is_ok_and(|known| known == text) {
        return Ok(path);
    }
    fs::create_dir_all(folder)?;
    fs::write(&path, text)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    Ok(path)
}

/// The test binary that a line of cargo's output names, if any.
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

/// Where builds go.
pub(crate) fn target_folder() -> PathBuf {
    root().join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}
