// oxc-transform over a tree: `node oxc.mjs FROM TO NAME…`.
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { transformSync } from "oxc-transform";

const [from, to, ...names] = process.argv.slice(2);
const define = Object.fromEntries(
  names.map((name) => [`process.env.${name}`, JSON.stringify(`canary.${name}.x9`)]),
);
for (const entry of readdirSync(from, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile()) continue;
  const path = join(entry.parentPath ?? entry.path, entry.name);
  const { code } = transformSync(path, readFileSync(path, "utf8"), { define, sourcemap: false });
  const target = join(to, path.slice(from.length));
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, code);
}
