// Replaces `process.env.NAME` by its value in every script of a folder, with a library instead of a command:
// `node define.mjs oxc|swc VALUES.json FROM TO`. Reading, transforming and writing go side by side, on the threads that the
// library brings; nothing is lowered, minified or mapped. It fails for a script that the library cannot read.

import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { dirname, join, relative } from "node:path";

const [tool, values, from, to] = process.argv.slice(2);
const names = Object.entries(JSON.parse(await readFile(values, "utf8")));
const define = (prefix) => Object.fromEntries(names.map(([name, value]) => [prefix + name, JSON.stringify(value)]));

const tools = {
  async oxc() {
    const { transform } = await import("oxc-transform");
    const options = { lang: "js", sourceType: "unambiguous", target: "esnext", define: define("process.env.") };
    return async (name, text) => {
      const { code, errors } = await transform(name, text, options);
      if (errors.length > 0) throw new Error(`${name}: ${errors[0].message}`);
      return code;
    };
  },
  async swc() {
    const { transform } = await import("@swc/core");
    const globals = { envs: define("") };
    const jsc = { parser: { syntax: "ecmascript" }, target: "esnext", transform: { optimizer: { globals } } };
    const options = { configFile: false, swcrc: false, isModule: "unknown", jsc };
    return async (filename, text) => (await transform(text, { ...options, filename })).code;
  },
};

const replace = await tools[tool]();
const entries = await readdir(from, { recursive: true, withFileTypes: true });
const scripts = entries.filter((entry) => entry.isFile() && entry.name.endsWith(".js"));
const files = scripts.map((entry) => join(relative(from, entry.parentPath), entry.name));
const folders = new Set(files.map((name) => dirname(join(to, name))));
await Promise.all([...folders].map((folder) => mkdir(folder, { recursive: true })));

// Enough to keep every thread busy, and no more texts in memory than that.
let next = 0;
const lane = async () => {
  while (next < files.length) {
    const name = files[next++];
    await writeFile(join(to, name), await replace(name, await readFile(join(from, name), "utf8")));
  }
};
await Promise.all(Array.from({ length: 4 * availableParallelism() }, lane));
