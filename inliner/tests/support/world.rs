//! Random folders that try to lead a run outside: known builds with links, manifests, pipes,
//! sparse files, deep folders and packed files in the wrong places.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use capy_inliner::{Request, Within};
use capy_protocol::env_map::EnvMap;

use crate::support::canary;

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
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        (0..8).for_each(|_| _ = random.below(2));
        random
    }

    pub(crate) fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % most
    }

    pub(crate) fn one<'t, T>(&mut self, of: &'t [T]) -> &'t T {
        &of[self.below(of.len())]
    }
}

/// One folder, with the application in `app`, and in `bait` what it must not reach.
pub(crate) struct World {
    root: tempfile::TempDir,
    pub(crate) random: Random,
    paths: Vec<String>,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
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

    pub(crate) fn app(&self) -> PathBuf {
        self.root.path().join("app")
    }

    /// Where the caller says that the outermost folder is: one of three ways, by `number`.
    pub(crate) fn within(&self, number: usize) -> Within {
        match number {
            0 => Within::Named,
            1 => Within::Repository,
            _ => Within::Root(self.app()),
        }
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
    pub(crate) fn digest(&self) -> BTreeMap<PathBuf, State> {
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
pub(crate) type State = (u64, u32, [i64; 4], u64, Option<Vec<u8>>);

/// A run on an application of these folders, with limits that its large files are over.
pub(crate) fn request(values: &EnvMap, app: PathBuf, within: Within) -> Request<'_> {
    let mut request = Request::new(values);
    request.apps.push(app);
    request.within = within;
    request.limits.one_file = 4 << 20;
    request.limits.one_unpacked = 4 << 20;
    request.limits.all_unpacked = 16 << 20;
    request
}
