//! `cargo xtask rules`: the numbers that code, tests and documents cite lead to docs/rules.md.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::Command;
use std::{fmt, fs};

use crate::build::root;

/// Checks that each number cited is a rule of docs/rules.md, and that a test cites each rule
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// List the places that cite this rule, such as L2; may be repeated
    rules: Vec<String>,
    /// List the rules with the number of citations in each kind of place
    #[arg(long)]
    list: bool,
}

const RULES: &str = "docs/rules.md";

/// Proofs that stand outside of the folders of tests.
const PROOFS: [&str; 4] = [
    "crates/testkit/src/",
    "crates/keepalive/src/models/",
    "crates/engine/src/invariant.rs",
    "fuzz/",
];

pub(crate) fn run(arguments: &Arguments) -> Result<(), String> {
    let rules = Rules::parse(&read(RULES)?)?;
    let mut citations = Vec::new();
    for path in files()? {
        find(&path, &read(&path)?, &rules, &mut citations);
    }
    let list = match arguments.rules.as_slice() {
        [] if arguments.list => table(&rules, &citations),
        [] => format!(
            "{} rules, {} citations\n",
            rules.numbers.len(),
            citations.len()
        ),
        wanted => places(wanted, &rules, &citations)?,
    };
    // The reader of a list may close the pipe early.
    let _ = std::io::stdout().write_all(list.as_bytes());
    let faults = faults(&rules, &citations);
    for fault in &faults {
        eprintln!("{fault}");
    }
    match faults.len() {
        0 => Ok(()),
        number => Err(format!(
            "faults: {number}; a number in backticks is no citation"
        )),
    }
}

/// The rules in their order.
struct Rules {
    numbers: Vec<String>,
}

impl Rules {
    fn parse(text: &str) -> Result<Self, String> {
        let numbers: Vec<String> = text.lines().filter_map(defined).map(String::from).collect();
        for (at, number) in numbers.iter().enumerate() {
            if !is_number(number) || numbers[..at].contains(number) {
                return Err(format!("{RULES}: {number} is no number, or there twice"));
            }
        }
        match numbers.is_empty() {
            true => Err(format!(
                "{RULES} has no rule: a line such as `- **L2** ...`"
            )),
            false => Ok(Self { numbers }),
        }
    }

    fn contains(&self, number: &str) -> bool {
        self.numbers.iter().any(|known| known == number)
    }

    /// Whether this is a number with a letter that rules have.
    fn is_number(&self, word: &str) -> bool {
        let same_letter = |known: &String| known[..1] == word[..1];
        is_number(word) && self.numbers.iter().any(same_letter)
    }
}

/// The number of the rule that a line of docs/rules.md states.
fn defined(line: &str) -> Option<&str> {
    Some(line.strip_prefix("- **")?.split_once("**")?.0)
}

/// A capital letter and one or two digits.
fn is_number(word: &str) -> bool {
    let mut bytes = word.bytes();
    let is_letter = bytes.next().is_some_and(|byte| byte.is_ascii_uppercase());
    is_letter && matches!(word.len(), 2..=3) && bytes.all(|byte| byte.is_ascii_digit())
}

/// The kinds of places that cite rules, in the order of the table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Product,
    Test,
    PlantedBug,
    Document,
}

struct Citation {
    number: String,
    place: Place,
    path: String,
    line: usize,
}

impl fmt::Display for Citation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.path, self.line)
    }
}

fn faults(rules: &Rules, citations: &[Citation]) -> Vec<String> {
    let is_unknown = |cited: &&Citation| !rules.contains(&cited.number);
    let unknown = citations.iter().filter(is_unknown);
    let unknown = unknown.map(|cited| format!("{cited}: {RULES} has no {}", cited.number));
    let is_tested = |number: &&String| {
        let mut tests = citations.iter().filter(|cited| cited.place == Place::Test);
        tests.any(|cited| cited.number == **number)
    };
    let untested = rules.numbers.iter().filter(|number| !is_tested(number));
    let untested = untested.map(|number| format!("{RULES}: no test cites {number}"));
    unknown.chain(untested).collect()
}

fn table(rules: &Rules, citations: &[Citation]) -> String {
    let mut counts: BTreeMap<(&str, Place), usize> = BTreeMap::new();
    for cited in citations {
        *counts.entry((&cited.number, cited.place)).or_default() += 1;
    }
    let mut table = String::from("rule  product  tests  planted bugs  documents\n");
    for number in &rules.numbers {
        let count = |place| counts.get(&(number, place)).copied().unwrap_or(0);
        let _ = writeln!(
            table,
            "{number:<4}  {:>7}  {:>5}  {:>12}  {:>9}",
            count(Place::Product),
            count(Place::Test),
            count(Place::PlantedBug),
            count(Place::Document)
        );
    }
    table
}

fn places(wanted: &[String], rules: &Rules, citations: &[Citation]) -> Result<String, String> {
    let mut list = String::new();
    for number in wanted {
        if !rules.contains(number) {
            return Err(format!("{RULES} has no {number}; see --list"));
        }
        for cited in citations.iter().filter(|cited| cited.number == *number) {
            let _ = writeln!(list, "{number}  {cited}");
        }
    }
    Ok(list)
}

/// The files under version control, and new ones, that may cite rules.
fn files() -> Result<Vec<String>, String> {
    let output = Command::new("git")
        .current_dir(root())
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .args(["*.rs", "*.md", "*.patch"])
        .output()
        .map_err(|error| format!("git: {error}"))?;
    let list = String::from_utf8_lossy(&output.stdout);
    let mut files: Vec<String> = list.lines().map(String::from).collect();
    files.retain(|path| root().join(path).exists());
    match files.iter().any(|path| path == RULES) {
        true => Ok(files),
        false => Err(format!("git ls-files: {} and no {RULES}", output.status)),
    }
}

fn read(path: &str) -> Result<String, String> {
    fs::read_to_string(root().join(path)).map_err(|error| format!("{path}: {error}"))
}

/// Adds the citations of one file.
fn find(path: &str, text: &str, rules: &Rules, citations: &mut Vec<Citation>) {
    let (is_rust, is_patch) = (path.ends_with(".rs"), path.ends_with(".patch"));
    let mut place = place(path);
    let mut in_code = false;
    for (at, line) in text.lines().enumerate() {
        if is_patch && line.starts_with("--- ") {
            return; // the words about a bug have ended
        }
        if is_rust && line == "mod tests {" {
            place = Place::Test;
        }
        in_code ^= !is_rust && line.starts_with("```");
        let prose = match defined(line) {
            _ if in_code => continue,
            _ if is_rust => prose_of_rust(line),
            Some(number) if path == RULES => line.replacen(number, "", 1),
            _ => line.to_owned(),
        };
        let numbers = words(&prose).filter(|word| rules.is_number(word));
        citations.extend(numbers.map(|number| Citation {
            number: number.to_owned(),
            place,
            path: path.to_owned(),
            line: at + 1,
        }));
    }
}

fn place(path: &str) -> Place {
    let is_test = |part: &str| part == "tests" || part == "tests.rs";
    match path.rsplit_once('.') {
        Some((_, "md")) => Place::Document,
        Some((_, "patch")) => Place::PlantedBug,
        _ if path.split('/').any(is_test) => Place::Test,
        _ if PROOFS.iter().any(|proof| path.starts_with(proof)) => Place::Test,
        _ => Place::Product,
    }
}

/// The comment of a line, and the numbers at the start of its string literals: `"L6, C7: ..."`.
fn prose_of_rust(line: &str) -> String {
    let is_comment = line.trim_start().starts_with("//");
    let start = if is_comment {
        Some(0)
    } else {
        line.find(" //")
    };
    let (code, comment) = line.split_at(start.unwrap_or(line.len()));
    let mut prose = String::from(comment.trim_start_matches([' ', '/', '!']));
    for literal in code.split('"').skip(1).step_by(2) {
        for number in words(literal).take_while(|word| is_number(word)) {
            prose = prose + " " + number;
        }
    }
    prose
}

/// The words of a text without the punctuation around them. Text in backticks is left out.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let prose = text.split('`').step_by(2);
    let words = prose.flat_map(str::split_whitespace);
    words.map(|word| word.trim_matches(|c: char| c.is_ascii_punctuation()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATED: &str =
        "- **L1** Limits hold.\n- **L2** Order, as `L1` or (L1) says.\n- **C4** Checks.";

    fn cited(path: &str, text: &str) -> Vec<String> {
        let mut citations = Vec::new();
        find(path, text, &Rules::parse(STATED).unwrap(), &mut citations);
        citations
            .into_iter()
            .map(|cited| format!("{cited} {}", cited.number))
            .collect()
    }

    #[test]
    fn rust_cites_in_comments_and_at_the_start_of_literals() {
        let none: [&str; 5] = [
            "let url = \"http://h/?q=%C4%L2\";",
            "fn f<L1, L2>(c: C4) {}",
            "assert!(holds, \"twice in L1\");",
            "// the cache `L2`, and V4 of IP",
            "// RFC 9112, section 6.3; C400",
        ];
        for line in none {
            assert_eq!(cited("a.rs", line), [""; 0], "{line}");
        }
        let some: [(&str, &[&str]); 5] = [
            ("/// Waits in turn (L1, L2).", &["a.rs:1 L1", "a.rs:1 L2"]),
            ("//! L2: order, of rule C99.", &["a.rs:1 L2", "a.rs:1 C99"]),
            ("    f(); // as L1 says", &["a.rs:1 L1"]),
            (
                "    assert!(open, \"L1, C4: {open}\");",
                &["a.rs:1 L1", "a.rs:1 C4"],
            ),
            ("\n    expect(\"L1\");", &["a.rs:2 L1"]),
        ];
        for (line, numbers) in some {
            assert_eq!(cited("a.rs", line), numbers, "{line}");
        }
    }

    #[test]
    fn documents_cite_outside_of_code() {
        assert_eq!(
            cited("a.md", "| L1 | C4 (`L2`) |\n```\nL2\n```\n**L1**"),
            ["a.md:1 L1", "a.md:1 C4", "a.md:5 L1"]
        );
        assert_eq!(cited(RULES, STATED), ["docs/rules.md:2 L1"]);
        assert_eq!(
            cited("a.patch", "Breaks: L1\n--- a/b.rs\n+// L2"),
            ["a.patch:1 L1"]
        );
    }

    #[test]
    fn unknown_numbers_and_rules_without_a_test_are_faults() {
        let rules = Rules::parse(STATED).unwrap();
        let mut citations = Vec::new();
        let source = "// L1, C5\n\n#[cfg(test)]\nmod tests {\n    // L2\n}";
        find("src/a.rs", source, &rules, &mut citations);
        find("tests/b.rs", "//! L1: limits", &rules, &mut citations);
        assert_eq!(
            faults(&rules, &citations),
            [
                "src/a.rs:1: docs/rules.md has no C5",
                "docs/rules.md: no test cites C4"
            ]
        );
    }
}
