//! Container images as OCI archives, built from the static program, its licences and, for the key
//! service, a folder for its data. There is no base image. Each archive holds the images of all
//! Linux targets.
//!
//! The format is the OCI image layout 1.0.0: blobs named by their SHA-256, and an index that refers
//! to them.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::archive::{self, Entry};
use super::programs::Program;
use super::{Release, Target, licences};

/// The user of the key service's image: `nonroot`, with the id that distroless images use.
const NONROOT: u32 = 65532;

/// An image of a release.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Image {
    /// The image of `capy`, to copy the program from or to run by itself.
    Capy,
    /// The image of the key service, `capy-server`.
    Server,
}

/// The image of `capy`.
pub(super) fn make(release: &Release) -> Result<()> {
    release.add("capy-image.tar", &pack(release, Image::Capy)?)
}

/// The image of the key service.
pub(super) fn make_server(release: &Release) -> Result<()> {
    release.add("capy-server-image.tar", &pack(release, Image::Server)?)
}

/// Makes the archive of an image.
fn pack(release: &Release, image: Image) -> Result<Vec<u8>> {
    let mut blobs = Blobs::default();
    let mut manifests = Vec::new();
    for target in release.targets.iter().copied().filter(|target| target.is_linux()) {
        manifests.push(manifest(release, image, target, &mut blobs)?);
    }
    ensure!(!manifests.is_empty(), "an image needs a target of Linux");
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": manifests,
    });
    let mut index = blobs.add("application/vnd.oci.image.index.v1+json", serde_json::to_vec(&index)?);
    let reference = format!("{}:{}", image.name(), release.version);
    index["annotations"] = json!({ "org.opencontainers.image.ref.name": reference });
    let top = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [index],
    });
    let mut entries = vec![
        Entry::file("oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#),
        Entry::file("index.json", serde_json::to_vec(&top)?),
    ];
    let blobs = blobs.0.into_iter();
    entries.extend(blobs.map(|(sum, bytes)| Entry::file(format!("blobs/sha256/{sum}"), bytes)));
    archive::tar(entries, release.epoch)
}

/// Adds the image of one target to `blobs`, and returns its descriptor.
fn manifest(release: &Release, image: Image, target: Target, blobs: &mut Blobs) -> Result<Value> {
    let layer = archive::tar(image.files(release, target)?, release.epoch)?;
    let unpacked = format!("sha256:{}", sum(&layer));
    let layer = blobs.add("application/vnd.oci.image.layer.v1.tar+gzip", archive::gzip(&layer)?);
    let architecture = match target.npm_cpu() {
        "x64" => "amd64",
        other => other,
    };
    let platform = json!({ "architecture": architecture, "os": "linux" });
    let mut config = json!({
        "created": rfc3339(release.epoch),
        "config": image.config(release),
        "rootfs": { "type": "layers", "diff_ids": [unpacked] },
        "history": [{ "created": rfc3339(release.epoch), "created_by": "cargo xtask dist" }],
    });
    config["architecture"] = platform["architecture"].clone();
    config["os"] = platform["os"].clone();
    let config = blobs.add("application/vnd.oci.image.config.v1+json", serde_json::to_vec(&config)?);
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config,
        "layers": [layer],
    });
    let mut manifest =
        blobs.add("application/vnd.oci.image.manifest.v1+json", serde_json::to_vec(&manifest)?);
    manifest["platform"] = platform;
    Ok(manifest)
}

impl Image {
    fn program(self) -> Program {
        match self {
            Self::Capy => Program::Capy,
            Self::Server => Program::Server,
        }
    }

    fn name(self) -> &'static str {
        self.program().name()
    }

    fn files(self, release: &Release, target: Target) -> Result<Vec<Entry>> {
        let program = release.read_program(target, self.program())?;
        let mut entries = vec![
            Entry::program(format!("usr/local/bin/{}", self.name()), program),
            // Programs create temporary files in `/tmp`, as on any system.
            Entry::folder("tmp", 0o1777, 0),
        ];
        entries.extend(licences::files(target)?.into_iter().map(|entry| entry.below("usr/share/doc/capy")));
        match self {
            Self::Capy => entries.push(Entry::link("usr/local/bin/capy-inline", "capy")),
            Self::Server => entries.push(Entry::folder("data", 0o700, NONROOT)),
        }
        Ok(entries)
    }

    fn config(self, release: &Release) -> Value {
        let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        let mut config = json!({
            "Labels": {
                "org.opencontainers.image.title": self.name(),
                "org.opencontainers.image.version": release.version,
                "org.opencontainers.image.revision": release.commit,
                "org.opencontainers.image.licenses": "MIT OR Apache-2.0",
            },
        });
        match self {
            Self::Capy => {
                config["Env"] = json!([path]);
                config["Entrypoint"] = json!(["/usr/local/bin/capy"]);
            }
            // The same settings as in `server/packaging/Dockerfile`.
            Self::Server => {
                let admin = "ADMIN_TOKEN_FILE=/run/secrets/admin-token";
                let roots = "WRAP_ROOTS_FILE=/run/secrets/wrap-roots";
                config["Env"] = json!([path, admin, roots]);
                config["User"] = json!(format!("{NONROOT}:{NONROOT}"));
                config["Volumes"] = json!({ "/data": {} });
                config["ExposedPorts"] = json!({ "8787/tcp": {} });
                config["Entrypoint"] =
                    json!(["/usr/local/bin/capy-server", "--data", "/data", "--listen", "0.0.0.0:8787"]);
            }
        }
        config
    }
}

/// Blobs by their SHA-256.
#[derive(Default)]
struct Blobs(BTreeMap<String, Vec<u8>>);

impl Blobs {
    /// Adds a blob, and returns its descriptor.
    fn add(&mut self, media_type: &str, bytes: Vec<u8>) -> Value {
        let sum = sum(&bytes);
        let descriptor =
            json!({ "mediaType": media_type, "digest": format!("sha256:{sum}"), "size": bytes.len() });
        self.0.insert(sum, bytes);
        descriptor
    }
}

fn sum(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// A time in UTC, in the format of image configurations.
fn rfc3339(epoch: u64) -> String {
    humantime::format_rfc3339_seconds(std::time::UNIX_EPOCH + std::time::Duration::from_secs(epoch))
        .to_string()
}
