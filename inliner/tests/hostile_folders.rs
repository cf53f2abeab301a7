//! Folders made at random by somebody who wants out of them: known builds with links, manifests, pipes, holes, depths and
//! packed files in the wrong places. Whatever a run makes of one, nothing outside changes, it ends in time, and it takes
//! little memory. `CAPY_TESTS=full` makes thousands of them; `CAPY_HOSTILE_SEED=N` makes the one that failed.
#![cfg(target_os = "linux")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use capy_inliner::{Request, Within, inline};
use support::{canary, values};

/// For each folder, on a busy machine and without optimisation.
const MOST_TIME: Duration = Duration::from_secs(20);
const MOST_MEMORY_KIB: u64 = 300 * 1024;
const FEW: u64 = 150;
const MANY: u64 = 5000;

const SEED: &str = "CAPY_HOSTILE_SEED";
const CHILD: &str = "CAPY_HOSTILE_CHILD";

const READ: &str = "f(process.env.A)";

/// Builds as the inliner knows them.
const BUILDS: [&[(&str, &str)]; 9] = [
    &[
        (".next/required-server-files.json", r#"{"config":{"distDir":".next"}}"#),
        (".next/server/a.js", READ),
        (".next/static/a.css", "a"),
        (".next/standalone/app/.next/required-server-files.json", r#"{"config":{"distDir":".next"}}"#),
        (".next/standalone/app/.next/server/a.js", READ),
        (".next/standalone/app/server.js", "1"),
    ],
    &[
        (".output/nitro.json", r#"{"preset":"node-server"}"#),
        (".output/server/index.mjs", READ),
        (".output/public/a", "a"),
    ],
    &[
        (".vercel/output/config.json", r#"{"version":3}"#),
        (
            ".vercel/output/functions/a.func/.vc-config.json",
            r#"{"runtime":"nodejs22.x","handler":"x.js","filePathMap":{"x.js":"lib/x.js"}}"#,
        ),
        (".vercel/output/static/a.css", "a"),
        ("lib/x.js", READ),
    ],
    &[
        (".open-next/worker.js", READ),
        (".open-next/cloudflare/init.js", "1"),
        (".open-next/assets/a", "a"),
        (".open-next/server-functions/default/handler.mjs", READ),
    ],
    &[
        ("dist/server/entry.mjs", "f(process.env.A) // astro"),
        ("dist/client/a.css", "a"),
        ("dist/server/wrangler.json", r#"{"main":"entry.mjs","assets":{"directory":"../client"}}"#),
    ],
    &[
        ("build/client/assets/manifest-1.js", "window.__reactRouterManifest={}"),
        ("build/server/index.js", READ),
    ],
    &[
        (".svelte-kit/cloudflare-tmp/manifest.js", READ),
        (".svelte-kit/output/server/index.js", READ),
        (".svelte-kit/cloudflare/_worker.js", READ),
        (".svelte-kit/cloudflare/a", "a"),
    ],
    &[
        ("wrangler.json", r#"{"main":"w.js","no_bundle":true,"assets":{"directory":"public"}}"#),
        ("w.js", READ),
        ("public/a", "a"),
    ],
    &[
        (".wrangler/deploy/config.json", r#"{"configPath":"../../out/wrangler.json"}"#),
        ("out/wrangler.json", r#"{"main":"w.js","assets":{"directory":"../public"}}"#),
        ("out/w.js", READ),
        ("public/a", "a"),
    ],
];

/// Seeded, so that what failed can be made again (xorshift, Marsaglia 2003).
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        let mut random = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        (0..8).for_each(|_| _ = random.below(2));
        random
    }

    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % most
    }

    fn one<'t, T>(&mut self, of: &'t [T]) -> &'t T {
        &of[self.below(of.len())]
    }
}

/// One folder, with the application in `app`, and in `bait` what it must not reach.
struct World {
    root: tempfile::TempDir,
    random: Random,
    paths: Vec<String>,
}

impl World {
    fn new(seed: u64) -> Self {
        let root = tempfile::tempdir().unwrap();
        let mut world = Self { root, random: Random::new(seed), paths: vec!["README.md".to_owned()] };
        for name in ["bait/x.js", "bait/server/index.mjs", "bait/a.func/.vc-config.json", "around.js"] {
            let path = world.root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("{READ} // {}", canary("B"))).unwrap();
        }
        fs::create_dir(world.app()).unwrap();
        for _ in 0..=world.random.below(2) {
            for (name, text) in *world.random.one(&BUILDS) {
                world.write(name, text);
                world.paths.push((*name).to_owned());
            }
        }
        for _ in 0..world.random.below(7) {
            world.turn();
        }
        world
    }

    fn app(&self) -> PathBuf {
        self.root.path().join("app")
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.app().join(name);
        // Something else may be in the way by now.
        if path.parent().is_some_and(|folder| fs::create_dir_all(folder).is_ok()) {
            let _ = fs::File::create_new(path).and_then(|mut file| file.write_all(text.as_bytes()));
        }
    }

    /// A known file, a folder around one, or something beside it.
    fn place(&mut self) -> PathBuf {
        let name = self.random.one(&self.paths.clone()).clone();
        let path = self.app().join(name);
        let folder = path.parent().filter(|folder| *folder != self.app()).map(Path::to_owned);
        match (self.random.below(4), folder) {
            (0, _) => path,
            (1, Some(folder)) => folder,
            _ => path.with_file_name(self.random.one(&[
                "k",
                "k.js",
                "k.map",
                "a.js.map",
                "index.html",
                "node_modules",
            ])),
        }
    }

    /// A way out, or one that seems to stay.
    fn way(&mut self) -> String {
        let (bait, app) = (self.root.path().join("bait"), self.app());
        let up = "../".repeat(self.random.below(12));
        let inside = self.random.one(&self.paths.clone()).clone();
        match self.random.below(14) {
            0 => format!("{up}bait/x.js"),
            1 => format!("{up}bait"),
            2 => format!("{up}around.js"),
            3 => bait.join("x.js").display().to_string(),
            4 => bait.display().to_string(),
            5 => app.join(inside).display().to_string(),
            6 => format!("{up}{}", bait.display()),
            7 => (*self.random.one(&["/", "..", ".", "", "/dev/zero", "/proc/self/environ", "/dev/stdin"]))
                .to_owned(),
            8 => format!("{up}app/{inside}"),
            9 => "not/there".to_owned(),
            10 => format!("k/{up}bait/x.js"),
            _ => inside,
        }
    }

    /// Makes one thing worse. What cannot be made is left out.
    fn turn(&mut self) {
        let place = self.place();
        let _ = place.parent().map(fs::create_dir_all);
        match self.random.below(10) {
            0..=2 => {
                let way = self.way();
                if self.random.below(2) == 0 {
                    let _ = fs::remove_file(&place).or_else(|_| fs::remove_dir_all(&place));
                }
                let _ = symlink(way, &place);
            }
            3 => {
                let _ = fs::remove_file(&place);
                let _ = Command::new("mkfifo").arg(&place).output();
            }
            4 => {
                let _ = fs::remove_file(&place);
                let _ = std::os::unix::net::UnixListener::bind(&place);
            }
            5 => {
                let size = [1 << 20, 48 << 20, 3 << 30, 60 << 30][self.random.below(4)];
                let place = if self.random.below(2) == 0 { place.with_file_name("big.js") } else { place };
                let _ = fs::File::create_new(&place).and_then(|file| file.set_len(size));
            }
            6 => {
                for index in 0..self.random.below(12) {
                    let _ = fs::write(place.with_extension(format!("{index}.gz")), &*PACKED);
                }
            }
            7 => {
                let depth = [3, 40, 300, 600][self.random.below(4)];
                let mut folder = place.with_file_name("deep");
                // A path has at most 4,096 bytes; what lies deeper is made from inside.
                folder.extend((0..depth).map(|_| "d"));
                let _ = fs::create_dir_all(&folder);
                let _ = fs::write(folder.join("a.js"), READ);
            }
            8 => self.cross(&place),
            _ => self.manifest(),
        }
    }

    /// Folders that link to each other.
    fn cross(&mut self, place: &Path) {
        let many = 3 + self.random.below(9);
        for one in 0..many {
            let folder = place.with_file_name(format!("c{one}"));
            let _ = fs::create_dir(&folder);
            let _ = fs::write(folder.join("a.js"), READ);
            for other in 0..many {
                let _ = symlink(format!("../c{other}"), folder.join(format!("l{other}")));
            }
        }
    }

    fn manifest(&mut self) {
        let (a, b) = (self.way(), self.way());
        let (name, text) = match self.random.below(7) {
            0 => (
                ".next/required-server-files.json",
                format!(r#"{{"config":{{"distDir":{a:?}}},"relativeAppDir":{b:?},"appDir":{b:?}}}"#),
            ),
            1 => (
                ".vercel/output/functions/a.func/.vc-config.json",
                format!(
                    r#"{{"runtime":"nodejs22.x","handler":{b:?},"filePathMap":{{"x.js":{a:?},".env":{b:?}}}}}"#
                ),
            ),
            2 => (
                "wrangler.json",
                format!(r#"{{"main":{a:?},"no_bundle":true,"assets":{{"directory":{b:?}}}}}"#),
            ),
            3 => (".wrangler/deploy/config.json", format!(r#"{{"configPath":{a:?}}}"#)),
            4 => (
                "dist/server/wrangler.json",
                format!(r#"{{"main":{a:?},"site":{{"bucket":{b:?}}},"env":{{"x":{{"main":{b:?}}}}}}}"#),
            ),
            5 => (".output/nitro.json", format!(r#"{{"preset":{a:?}}}"#)),
            _ => (".next/server/a.js", format!("{READ}\n//# sourceMappingURL={a}")),
        };
        let _ = fs::remove_file(self.app().join(name));
        self.write(name, &text);
    }

    /// Names, contents, modes and times of all that does not belong to the application.
    fn digest(&self) -> BTreeMap<PathBuf, State> {
        const LARGE: u64 = 1 << 20;
        let mut found = BTreeMap::new();
        let mut folders = vec![self.root.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap().flatten().filter(|entry| entry.path() != self.app()) {
                let (path, data) = (entry.path(), entry.metadata().unwrap());
                if data.is_dir() {
                    folders.push(path.clone());
                }
                // The folder's maker may have put a large file there through a link of its own: its length counts.
                let text = (data.is_file() && data.len() <= LARGE).then(|| fs::read(&path).unwrap());
                let times = [data.mtime(), data.mtime_nsec(), data.ctime(), data.ctime_nsec()];
                found.insert(path, (data.ino(), data.mode(), times, data.len(), text));
            }
        }
        found
    }
}

/// 32 MiB of zeros as gzip.
static PACKED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let zeros = vec![0; 1 << 20];
    (0..32).for_each(|_| packed.write_all(&zeros).unwrap());
    packed.finish().unwrap()
});

/// A file or folder: its number, its mode, when it was last written and changed in seconds and nanoseconds, its length in
/// bytes, and what is in it if it is a file of moderate size.
type State = (u64, u32, [i64; 4], u64, Option<Vec<u8>>);

/// What runs came to, by a word.
type Outcomes = BTreeMap<String, u64>;

fn attack(seed: u64, outcomes: &mut Outcomes) {
    let mut world = World::new(seed);
    let before = world.digest();
    assert!(before.len() >= 6);
    let values = values();
    let mut request = Request::new(&values);
    request.apps.push(world.app());
    request.within = match world.random.below(3) {
        0 => Within::Named,
        1 => Within::Repository,
        _ => Within::Root(world.app()),
    };
    request.limits.one_file = 4 << 20;
    request.limits.one_unpacked = 4 << 20;
    request.limits.all_unpacked = 16 << 20;
    let began = Instant::now();
    let result = inline(&request);
    let spent = began.elapsed();
    assert!(spent < MOST_TIME, "seed {seed}: {spent:?}");
    assert!(world.digest() == before, "seed {seed}: something outside changed: {result:?}");
    let mut count = |word: &str| *outcomes.entry(word.to_owned()).or_default() += 1;
    match result {
        Err(error) => count(error.code()),
        Ok(report) => {
            let is_outside = |file: &PathBuf| !file.starts_with(world.app());
            assert!(
                !report.leaks.iter().any(|leak| leak.name == "B" || is_outside(&leak.file)),
                "seed {seed}"
            );
            report.unscanned_files.iter().for_each(|_| count("unscanned"));
            count(if report.written && report.changed_files > 0 { "inlined" } else { "nothing" });
        }
    }
}

/// `VmHWM`, the most that was in memory.
fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn nothing_outside_changes_whatever_a_folder_holds_and_every_run_ends_in_time_and_memory() {
    const NAME: &str =
        "nothing_outside_changes_whatever_a_folder_holds_and_every_run_ends_in_time_and_memory";
    if let Ok(seed) = std::env::var(SEED) {
        return attack(seed.parse().unwrap(), &mut Outcomes::new());
    }
    let many = if std::env::var("CAPY_TESTS").is_ok_and(|tests| tests == "full") { MANY } else { FEW };
    if std::env::var_os(CHILD).is_none() {
        // Other tests' memory does not count.
        let mut child = Command::new(std::env::current_exe().unwrap());
        let output = child.args(["--exact", NAME, "--nocapture"]).env(CHILD, "1").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        return;
    }
    let mut outcomes = Outcomes::new();
    for seed in 0..many {
        attack(seed, &mut outcomes);
        assert!(peak_kib() < MOST_MEMORY_KIB, "seed {seed}: {} KiB", peak_kib());
    }
    // Otherwise these folders would be harmless, or no builds at all.
    for word in ["inlined", "OUTSIDE_TREE", "unscanned", "TOO_LARGE"] {
        assert!(outcomes.get(word).is_some_and(|runs| *runs * 250 >= many), "{word}: {outcomes:?}");
    }
}
