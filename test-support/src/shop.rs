//! The example shop, as the journeys, the demo and the benchmarks use it: a copy to build in, its
//! secrets, its server, its answers.
//!
//! Every secret contains a canary that names its variable, so that one search finds every leak.

mod answers;
mod server;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

pub use answers::{Answer, answers};
pub use server::NextServer;

use crate::{setup, workspace_root};

/// The shop's variables. `INVOICE_KEY` holds characters that quoting and escaping often get wrong.
pub const VARIABLES: [(&str, &str); 14] = [
    ("DATABASE_URL", "postgres://shop:canary.DATABASE_URL.x9@db.example:5432/orders"),
    ("STRIPE_SECRET_KEY", "sk_live_canary.STRIPE_SECRET_KEY.x9"),
    ("SESSION_SECRET", "canary.SESSION_SECRET.x9"),
    ("SESSION_SECRET_PREVIOUS", "canary.SESSION_SECRET_PREVIOUS.x9"),
    ("WEBHOOK_SECRET", "canary.WEBHOOK_SECRET.x9"),
    ("ORDER_SIGNING_KEY", "canary.ORDER_SIGNING_KEY.x9"),
    ("CARRIER_TOKEN", "canary.CARRIER_TOKEN.x9"),
    ("SMTP_URL", "smtp://shop:canary.SMTP_URL.x9@mail.example"),
    ("INVOICE_KEY", "canary.INVOICE_KEY.x9\n'\"`\\ $& ${HOME} $$ <!--</script>\u{2028}\t🦫\r\nend"),
    ("STRIPE_ACCOUNT", "canary.STRIPE_ACCOUNT.x9"),
    ("SHOP_CURRENCY", "SEK"),
    ("SHOP_OWNER_EMAIL", "canary.SHOP_OWNER_EMAIL.x9@owner.example"),
    ("CARRIER_REGION", "eu-north"),
    ("NEXT_PUBLIC_SHOP_NAME", "Capybara Goods"),
];

/// A temporary copy of the example, with its installed packages.
#[derive(Debug)]
pub struct Shop {
    dir: PathBuf,
}

impl Shop {
    /// Copies the example's sources into `dir`, with its packages.
    ///
    /// # Errors
    /// When the example is not installed or cannot be copied.
    pub fn copy_to(dir: &Path) -> Result<Self> {
        let example = workspace_root().join("examples/next");
        std::fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
        let entries = std::fs::read_dir(&example).with_context(|| example.display().to_string())?;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let skip = [".next", "node_modules", "next-env.d.ts"];
            let local = name.to_string_lossy().starts_with(".env") && name != ".env.example";
            if !local && !skip.iter().any(|skipped| name == *skipped) {
                copy_tree(&entry.path(), dir)?;
            }
        }
        setup::link_packages(&example.join("node_modules"), dir)?;
        Ok(Self { dir: dir.to_path_buf() })
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// All files that the public can fetch, and all source maps of the build, with their content.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn public_files(&self) -> Result<Vec<(PathBuf, Vec<u8>)>> {
        let mut files = Vec::new();
        for folder in [".next", "public"] {
            collect(&self.dir.join(folder), &mut files)?;
        }
        let next = self.dir.join(".next");
        files.retain(|path| is_public(path.strip_prefix(&next).unwrap_or(path)));
        files.into_iter().map(|path| Ok((path.clone(), std::fs::read(path)?))).collect()
    }
}

/// Whether a file is public by Next's own rules: static files, `public/` and prerendered answers.
/// Source maps count, too.
fn is_public(path: &Path) -> bool {
    let text = path.to_string_lossy();
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    let prerendered = ["html", "rsc", "body", "meta", "json"];
    extension == "map"
        || path.is_absolute()
        || text.starts_with("static/")
        || (text.starts_with("server/") && prerendered.contains(&&*extension))
}

/// The variable whose canary is in these bytes, if there is one.
pub fn canary_in(bytes: &[u8]) -> Option<&'static str> {
    let mut names = VARIABLES.iter().map(|(name, _)| *name);
    names.find(|name| memchr::memmem::find(bytes, format!("canary.{name}.x9").as_bytes()).is_some())
}

/// Adds every regular file below a folder to `files`. A folder that does not exist has none.
///
/// # Errors
/// If a folder cannot be read.
pub fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            collect(&entry.path(), files)?;
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}

/// Copies a file or a whole folder.
///
/// # Errors
/// If `cp` fails.
pub fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    let status = Command::new("cp").arg("-R").arg(from).arg(to).status().context("cp: cannot start")?;
    anyhow::ensure!(status.success(), "cp {}: {status}", from.display());
    Ok(())
}
