//! The report of a run, for people and for scripts.
//!
//! No field can hold a value: only names, places and counts. As text, the report lists the
//! variables, then what needs attention.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::finding::{Finding, Reason, Severity};
use crate::layout::Root;
use crate::leaks::{Leak, NotScanned, NotSearched, Origin, Unscanned};
use crate::printable;
use crate::progress::Phases;

/// The result for one variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Variable {
    pub name: String,
    /// How many reads were replaced with the value, and in how many files.
    pub replaced: usize,
    pub files: usize,
    /// Reads that certainly need the variable, were left unchanged and will not find it.
    pub missing: usize,
    /// Set before the program starts, for uses that cannot be replaced.
    pub prelude: bool,
    /// Never inlined, because the name belongs to the framework.
    pub left_alone: bool,
    pub not_searched: Option<NotSearched>,
}

impl Variable {
    pub(crate) fn named(name: String) -> Self {
        let (replaced, files, missing) = (0, 0, 0);
        Self { name, replaced, files, missing, prelude: false, left_alone: false, not_searched: None }
    }
}

/// The results of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Report {
    pub roots: Vec<Root>,
    pub server_files: usize,
    pub parsed_files: usize,
    /// Files that were written, or, if the run failed, would have been written.
    pub changed_files: usize,
    pub scanned_files: usize,
    /// Files that were not searched, or only in part.
    pub unscanned_files: Vec<Unscanned>,
    /// Server files that set variables before anything else runs.
    #[serde(serialize_with = "printable::serialize_paths")]
    pub preludes: Vec<PathBuf>,
    pub variables: Vec<Variable>,
    /// Manifests of known outputs that were not written since the time in the request, and do not
    /// hold these values.
    #[serde(serialize_with = "printable::serialize_paths")]
    pub older_than_run: Vec<PathBuf>,
    /// Folders with scripts that were written since then and belong to no known layout; or such
    /// scripts themselves.
    #[serde(serialize_with = "printable::serialize_paths")]
    pub unrecognised: Vec<PathBuf>,
    pub findings: Vec<Finding>,
    pub leaks: Vec<Leak>,
    /// The time that each phase took.
    pub phases: Phases,
    /// Whether the tree now holds what this run planned. A failed run writes nothing.
    pub written: bool,
}

impl Report {
    /// The highest severity, if anything was found.
    pub fn worst(&self) -> Option<Severity> {
        let leak = self.leaks.iter().any(|leak| !leak.allowed).then_some(Severity::Failure);
        self.findings.iter().map(|finding| finding.severity).max().max(leak)
    }

    /// How many reads were replaced with a value.
    pub fn replaced(&self) -> usize {
        self.variables.iter().map(|variable| variable.replaced).sum()
    }

    /// Prints the summary for people: a table of the variables, then what needs attention.
    pub fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let names = self.variables.iter().map(|variable| printable::name(&variable.name).to_string());
        let names: Vec<String> = names.collect();
        let width = names.iter().map(String::len).max().unwrap_or(0);
        for (name, variable) in names.iter().zip(&self.variables) {
            writeln!(out, "  {name:width$}  {}", describe(variable))?;
        }
        print_leaks(&self.leaks, out)?;
        self.print_findings(out)?;
        print_unscanned(&self.unscanned_files, out)?;
        let (files, changed, reads) = (self.server_files, self.changed_files, self.replaced());
        if self.written {
            writeln!(out, "inlined {reads} reads; wrote {changed} of {files} server files")
        } else {
            writeln!(
                out,
                "nothing was written: {reads} reads in {changed} of {files} server files would have been inlined"
            )
        }
    }

    /// Prints failures and warnings one by one, and notes as a count per reason.
    fn print_findings(&self, out: &mut impl Write) -> io::Result<()> {
        self.print_preludes(out)?;
        let mut notes: BTreeMap<Reason, usize> = BTreeMap::new();
        for finding in &self.findings {
            let level = match finding.severity {
                Severity::Failure => "error",
                Severity::Warning => "warning",
                Severity::Note if finding.prelude => continue,
                Severity::Note => {
                    *notes.entry(finding.reason).or_default() += 1;
                    continue;
                }
            };
            let position = position(finding);
            let name = finding.name.as_deref().map(|name| format!("{} ", printable::name(name)));
            let name = name.unwrap_or_default();
            writeln!(out, "{level}: {position}: {name}{}", finding.reason.text())?;
        }
        for (reason, count) in notes {
            writeln!(out, "note: {count} times a variable or `process` {}", note_text(reason))?;
        }
        Ok(())
    }

    /// Prints each phase's share of the run's time.
    pub fn print_phases(&self, out: &mut impl Write) -> io::Result<()> {
        write!(out, "time: {:.2} s of all threads", self.phases.whole().as_secs_f64())?;
        for (phase, share) in self.phases.shares() {
            write!(out, ", {} {:.0} %", phase.name(), share * 100.0)?;
        }
        writeln!(out)
    }

    /// Prints what is set before the program starts, once per variable, and once per reason if no
    /// variable is named.
    fn print_preludes(&self, out: &mut impl Write) -> io::Result<()> {
        let mut places: BTreeMap<(Option<&str>, Option<Reason>), Vec<&Finding>> = BTreeMap::new();
        for finding in self.findings.iter().filter(|finding| finding.prelude) {
            let reason = finding.name.is_none().then_some(finding.reason);
            places.entry((finding.name.as_deref(), reason)).or_default().push(finding);
        }
        for ((name, _), findings) in places {
            let name = name.map(|name| format!("{} ", printable::name(name))).unwrap_or_default();
            let more = match findings.len() {
                1 => String::new(),
                all => format!(" (and {} more)", all - 1),
            };
            let (position, text) = (position(findings[0]), findings[0].reason.text());
            let set = if name.is_empty() { "; the variables are set before" } else { "; it is set before" };
            writeln!(out, "note: {position}{more}: {name}{text}{set} the program starts")?;
        }
        Ok(())
    }
}

fn position(finding: &Finding) -> String {
    format!("{}:{}:{}", printable::path(&finding.file), finding.line, finding.column)
}

fn note_text(reason: Reason) -> &'static str {
    match reason {
        Reason::ProcessEscapes => "is passed on",
        Reason::NotJavaScript => "may be read in a file that does not parse",
        _ => "is mentioned where no read of the environment is recognised",
    }
}

fn describe(variable: &Variable) -> String {
    if variable.left_alone {
        return "left alone: the framework's own".to_owned();
    }
    let reads = match (variable.replaced, variable.files) {
        (0, _) if variable.prelude => "no read replaced".to_owned(),
        (0, _) => "not read".to_owned(),
        (1, _) => "1 read".to_owned(),
        (reads, 1) => format!("{reads} reads in 1 file"),
        (reads, files) => format!("{reads} reads in {files} files"),
    };
    let missing = if variable.missing == 0 { String::new() } else { format!(", {} left", variable.missing) };
    let search = match variable.not_searched {
        None => "",
        Some(NotSearched::Short) => " (too short to search for)",
        Some(NotSearched::Common) => " (too common to search for)",
        Some(NotSearched::Public) => " (public by name, not searched for)",
    };
    let prelude = if variable.prelude { ", set before the program starts" } else { "" };
    format!("{reads}{prelude}{missing}{search}")
}

/// Prints leaks one by one, a hint for each kind of file, and a count of those that were allowed.
fn print_leaks(leaks: &[Leak], out: &mut impl Write) -> io::Result<()> {
    let (allowed, refused): (Vec<&Leak>, Vec<&Leak>) = leaks.iter().partition(|leak| leak.allowed);
    for leak in &refused {
        let (file, line, name) = (printable::path(&leak.file), leak.line, printable::name(&leak.name));
        // A file name has no line number.
        let place = if leak.origin == Origin::FileName { file.to_string() } else { format!("{file}:{line}") };
        let what = match &leak.part {
            None => format!("the value of {name}"),
            Some(part) => format!("a part of {name} ({})", printable::name(part)),
        };
        writeln!(out, "leak: {place}: contains {what}: {}", kind(leak))?;
    }
    for origin in refused.iter().map(|leak| leak.origin).collect::<BTreeSet<_>>() {
        writeln!(out, "hint: {}: {}", origin.text(), origin.hint())?;
    }
    let names: BTreeSet<&str> = allowed.iter().map(|leak| leak.name.as_str()).collect();
    for name in names {
        let places = allowed.iter().filter(|leak| leak.name == name).count();
        writeln!(out, "note: the value of {} was allowed in {places} places", printable::name(name))?;
    }
    Ok(())
}

fn kind(leak: &Leak) -> String {
    let extension = leak.file.extension().and_then(|extension| extension.to_str());
    match (extension, leak.file.file_stem()) {
        (Some("gz" | "br" | "zst"), Some(twin)) => {
            format!("{}, the compressed copy of {}", leak.origin.text(), printable::path(Path::new(twin)))
        }
        _ => leak.origin.text().to_owned(),
    }
}

/// Prints files that were not searched completely: the first five of each reason by name, the rest
/// as a count.
fn print_unscanned(files: &[Unscanned], out: &mut impl Write) -> io::Result<()> {
    const FEW: usize = 5;
    for reason in [NotScanned::Damaged, NotScanned::TooLarge, NotScanned::Special, NotScanned::Unknown] {
        let these: Vec<&Unscanned> = files.iter().filter(|file| file.reason == reason).collect();
        for file in these.iter().take(FEW) {
            writeln!(
                out,
                "warning: {} was not searched{}",
                printable::path(&file.file),
                why_unscanned(reason)
            )?;
        }
        if these.len() > FEW {
            writeln!(
                out,
                "warning: {} more files were not searched{}",
                these.len() - FEW,
                why_unscanned(reason)
            )?;
        }
    }
    Ok(())
}

fn why_unscanned(reason: NotScanned) -> &'static str {
    match reason {
        NotScanned::Unknown => ": its compression is not supported",
        NotScanned::Damaged => " completely: its compressed contents are damaged",
        NotScanned::TooLarge => " completely: it, or what it unpacks to, is too large",
        NotScanned::Special => ": it is not a regular file",
    }
}
