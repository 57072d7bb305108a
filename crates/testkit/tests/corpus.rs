//! What the fuzz targets have found to be worth keeping is tried again, target by target.

#![allow(clippy::print_stderr)] // which file it was

use std::path::Path;

use keepalive_testkit::fuzz::TARGETS;

#[test]
fn every_kept_input_of_every_target_passes() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (name, run) in TARGETS {
        let folder = corpus.join(name);
        let files = std::fs::read_dir(&folder).expect("a corpus");
        let mut files: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
        files.sort_unstable();
        assert!(!files.is_empty(), "{name} has a corpus");
        for file in files {
            let _said = Said(&file);
            run(&std::fs::read(&file).expect("a file"));
        }
    }
}

/// Names the file that is at fault.
struct Said<'a>(&'a Path);

impl Drop for Said<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the input is {}", self.0.display());
        }
    }
}
