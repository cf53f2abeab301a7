// Sizes, install time and start-up of our npm packages beside those of peers, measured in one run by
// `cargo xtask bench install`, which packs them and runs
//
//   node bench/install.mjs FOLDER_OF_PACKAGES [RUNS]
//
// Each package is installed once to fill npm's cache, and then from that cache, without install scripts: what is measured
// is what npm and the packages do, and not the network. Sides take turns. Installations are medians; starts are the
// fastest of each side, which other work on the machine changes least. It prints a table in Markdown, and judges nothing.
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { createRequire } from "node:module";

const root = path.resolve(import.meta.dirname, "..");
const [dist = path.join(root, "target/dist"), runsText = "11"] = process.argv.slice(2);
const runs = Number(runsText);
const peers = createRequire(import.meta.url)("./peers/package.json").devDependencies ?? {};
const SIDES = [
  { name: "capy", spec: "capy", bin: "capy" },
  { name: "@dotenvx/dotenvx", spec: `@dotenvx/dotenvx@${peers["@dotenvx/dotenvx"] ?? "latest"}`, bin: "dotenvx" },
  { name: "varlock", spec: "varlock", bin: "varlock" },
  // Its install script downloads the program from GitHub, without which it does not start.
  { name: "@infisical/cli", spec: "@infisical/cli", bin: null },
];

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), "capy-install-"));
const NPM = ["--no-audit", "--no-fund", "--no-update-notifier", "--ignore-scripts", "--loglevel=error"];

function run(command, args, options = {}) {
  const began = process.hrtime.bigint();
  const ended = spawnSync(command, args, { encoding: "utf8", ...options });
  const millis = Number(process.hrtime.bigint() - began) / 1e6;
  if (ended.status !== 0) throw new Error(`${command} ${args.join(" ")}: ${ended.status}\n${ended.stdout}${ended.stderr}`);
  return millis;
}

const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
const megabytes = (bytes) => (bytes / 1e6).toFixed(1);

/** What lies in a folder: bytes of files, and packages. */
function weigh(folder) {
  let [bytes, packages] = [0, 0];
  for (const entry of fs.readdirSync(folder, { withFileTypes: true, recursive: true })) {
    const file = path.join(entry.parentPath, entry.name);
    if (entry.isFile()) bytes += fs.statSync(file).size;
    packages += entry.isFile() && /node_modules\/(@[^/]+\/)?[^/]+\/package\.json$/.test(file) ? 1 : 0;
  }
  return { bytes, packages };
}

/** The program by itself, the fastest of many starts. */
function direct() {
  const program = path.join(SIDES[0].folder, "node_modules", `capy-${process.platform}-${process.arch}`, "bin/capy");
  return Math.min(...Array.from({ length: runs * 5 }, () => run(program, ["--version"])));
}

async function registry() {
  const server = spawn(process.execPath, [path.join(root, "tests/registry/serve.cjs"), path.join(scratch, "data")]);
  const url = await new Promise((resolve, reject) => {
    server.stdout.on("data", (text) => /serving on (\S+)/.test(text) && resolve(/serving on (\S+)/.exec(text)[1]));
    server.on("exit", () => reject(new Error("the registry ended")));
  });
  const home = path.join(scratch, "home");
  fs.mkdirSync(home);
  fs.writeFileSync(path.join(home, ".npmrc"), `${url.replace("http:", "")}/:_authToken=anyone\n`);
  const env = { ...process.env, HOME: home, NPM_CONFIG_REGISTRY: url };
  run(path.join(root, "packaging/publish-npm.sh"), [path.resolve(dist)], { env });
  return { server, url };
}

const { server, url } = await registry();
try {
  for (const side of SIDES) {
    side.folder = path.join(scratch, side.bin ?? "infisical");
    fs.mkdirSync(side.folder);
    fs.writeFileSync(path.join(side.folder, "package.json"), '{"name":"app","version":"1.0.0","private":true}');
    const from = side.name === "capy" ? ["--registry", url] : [];
    const cache = ["--cache", path.join(scratch, "cache")];
    side.install = ["install", "--prefer-offline", ...cache, ...from, ...NPM];
    run("npm", ["install", "--save-dev", side.spec, ...cache, ...from, ...NPM], { cwd: side.folder });
    side.weight = weigh(path.join(side.folder, "node_modules"));
    side.version = JSON.parse(fs.readFileSync(path.join(side.folder, "node_modules", side.name, "package.json"))).version;
    [side.installs, side.starts] = [[], []];
  }
  for (let turn = 0; turn < runs; turn += 1) {
    for (const side of SIDES) {
      fs.rmSync(path.join(side.folder, "node_modules"), { recursive: true });
      side.installs.push(run("npm", side.install, { cwd: side.folder }));
    }
  }
  const node = [];
  for (let turn = 0; turn < runs * 5; turn += 1) {
    for (const side of SIDES.filter((side) => side.bin !== null && (side.name === "capy" || turn < runs))) {
      const program = path.join(side.folder, "node_modules/.bin", side.bin);
      const start = () => run(process.execPath, [program, "--version"], { cwd: side.folder });
      const bare = () => run(process.execPath, ["-e", "0"]);
      // Whoever is second finds a warmer machine.
      const [one, other] = turn % 2 === 0 ? [bare(), start()] : [start(), bare()].reverse();
      node.push(one);
      side.starts.push(other);
    }
  }
  console.log(`Node ${process.version}, npm ${spawnSync("npm", ["--version"], { encoding: "utf8" }).stdout.trim()}; ${runs} runs\n`);
  console.log("| package | installed | packages | `npm install`, cached | `--version` | `--version` / `node -e 0` |\n|---|---|---|---|---|---|");
  const bare = Math.min(...node);
  for (const { name, version, weight, installs, starts } of SIDES) {
    const start = Math.min(...starts);
    const started = starts.length === 0 ? ["-", "-"] : [`${start.toFixed(0)} ms`, (start / bare).toFixed(2)];
    const cells = [`\`${name}\` ${version}`, `${megabytes(weight.bytes)} MB`, weight.packages, `${(median(installs) / 1000).toFixed(2)} s`, ...started];
    console.log(`| ${cells.join(" | ")} |`);
  }
  console.log(`\n\`node -e 0\`: ${bare.toFixed(0)} ms; capy's program without Node: ${direct().toFixed(0)} ms`);
} finally {
  server.kill();
  fs.rmSync(scratch, { recursive: true, force: true });
}
