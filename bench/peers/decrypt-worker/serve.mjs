// Runs three Workers in one workerd, each on a loopback port of its own without a proxy before it: the key service as it
// would be uploaded, and the hand-written one without and with rate limiters. With `inspect` an inspector, too, and two more:
// the first and the last inside `alone.mjs`. Each has a database and a list of its own, with the service's tables.
//
// Arguments: the upload's folder, the migrations' folder, a folder for the data, and `inspect` or nothing. Secrets come from
// the environment. One line says when it is ready: `serving on OURS PEER LIMITED`, and with an inspector `OURS-ALONE
// LIMITED-ALONE INSPECTOR`. It ends with its process group.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Miniflare, convertV4MiniflareOptions } from "miniflare";

const [upload, migrations, persist, inspect] = process.argv.slice(2);
const { ADMIN_TOKEN, WRAP_ROOTS } = process.env;
const isInspected = inspect === "inspect";

const ours = readdirSync(upload)
  .filter((name) => /\.(m?js|wasm)$/.test(name))
  .map((name) => ({ type: name.endsWith(".wasm") ? "CompiledWasm" : "ESModule", path: join(upload, name) }))
  // The first is the one that starts.
  .sort((a, b) => a.type.localeCompare(b.type) * -1);

const byHand = [{ type: "ESModule", path: join(import.meta.dirname, "worker.mjs") }];

// The same modules behind another start.
function alone([inner, ...others], root) {
  const module = (path, file) => ({ type: "ESModule", path: join(root, path), contents: readFileSync(file, "utf8") });
  const start = module("alone.js", join(import.meta.dirname, "alone.mjs"));
  return [start, module("inner.js", inner.path), ...others];
}

// Far away: the load comes from one address.
const limit = (namespace_id) => ({ namespace_id, simple: { limit: 1_000_000_000, period: 10 } });
const limiters = (name) => ({ DECRYPTS_OF_DEPLOY: limit(`${name}-1`), DECRYPTS_FROM_ADDRESS: limit(`${name}-2`) });

function worker(name, modulesRoot, modules, own = {}) {
  return {
    name,
    modulesRoot,
    modules,
    compatibilityDate: "2026-10-01",
    d1Databases: { DB: name },
    kvNamespaces: { REVOCATIONS: name },
    unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
    ...own,
  };
}

const withSecrets = (name) => ({ bindings: { ADMIN_TOKEN, WRAP_ROOTS }, ratelimits: limiters(name) });
const here = import.meta.dirname;
const workers = [
  worker("ours", upload, ours, withSecrets("ours")),
  worker("peer", here, byHand),
  worker("limited", here, byHand, { ratelimits: limiters("limited") }),
];
if (isInspected) {
  workers.push(
    worker("ours-alone", upload, alone(ours, upload), withSecrets("ours-alone")),
    worker("limited-alone", here, alone(byHand, here), { ratelimits: limiters("limited-alone") }),
  );
}

const options = convertV4MiniflareOptions({
  host: "127.0.0.1",
  port: 0,
  resourcePersistencePath: persist,
  cf: false,
  inspectorPort: isInspected ? 0 : undefined,
  workers,
});

const runtime = new Miniflare(options);
await runtime.ready;
// The service makes its tables itself.
for (const { name } of workers.filter(({ name }) => !name.startsWith("ours"))) {
  const database = await runtime.getD1Database("DB", name);
  for (const file of readdirSync(migrations).sort()) {
    await database.prepare(readFileSync(join(migrations, file), "utf8")).run();
  }
}
const urls = await Promise.all(workers.map(({ name }) => runtime.unsafeGetDirectURL(name)));
const addresses = urls.map((url) => url.origin);
if (isInspected) addresses.push(`http://${(await runtime.getInspectorURL()).host}`);
console.log(`serving on ${addresses.join(" ")}`);
