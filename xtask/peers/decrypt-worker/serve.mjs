// Runs three Workers in one workerd, each on a loopback port of its own without a proxy before it: the key service as it
// would be uploaded, and the hand-written one without and with rate limiters. Each has a database and a list of its own, with the service's tables.
//
// Arguments: the upload's folder, the migrations' folder, a folder for the data. Secrets come from the environment. One
// line says when it is ready: `serving on OURS PEER LIMITED`. It ends with its process group.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Miniflare, convertV4MiniflareOptions } from "miniflare";

const [upload, migrations, persist] = process.argv.slice(2);
const { ADMIN_TOKEN, WRAP_ROOTS } = process.env;

const modules = readdirSync(upload)
  .filter((name) => /\.(m?js|wasm)$/.test(name))
  .map((name) => ({ type: name.endsWith(".wasm") ? "CompiledWasm" : "ESModule", path: join(upload, name) }))
  // The first is the one that starts.
  .sort((a, b) => a.type.localeCompare(b.type) * -1);

// Far away: the load comes from one address.
const limit = (namespace_id) => ({ namespace_id, simple: { limit: 1_000_000_000, period: 10 } });
const limiters = (name) => ({ DECRYPTS_OF_DEPLOY: limit(`${name}-1`), DECRYPTS_FROM_ADDRESS: limit(`${name}-2`) });

const byHand = {
  modulesRoot: import.meta.dirname,
  modules: [{ type: "ESModule", path: join(import.meta.dirname, "worker.mjs") }],
};

function worker(name, own) {
  return {
    name,
    compatibilityDate: "2026-10-01",
    d1Databases: { DB: name },
    kvNamespaces: { REVOCATIONS: name },
    unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
    ...own,
  };
}

const options = convertV4MiniflareOptions({
  host: "127.0.0.1",
  port: 0,
  resourcePersistencePath: persist,
  cf: false,
  workers: [
    worker("ours", {
      modulesRoot: upload,
      modules,
      bindings: { ADMIN_TOKEN, WRAP_ROOTS },
      ratelimits: limiters("ours"),
    }),
    worker("peer", byHand),
    worker("limited", { ...byHand, ratelimits: limiters("limited") }),
  ],
});

const runtime = new Miniflare(options);
await runtime.ready;
const names = ["ours", "peer", "limited"];
for (const name of names) {
  const database = await runtime.getD1Database("DB", name);
  for (const file of readdirSync(migrations).sort()) {
    await database.prepare(readFileSync(join(migrations, file), "utf8")).run();
  }
}
const urls = await Promise.all(names.map((name) => runtime.unsafeGetDirectURL(name)));
console.log(`serving on ${urls.map((url) => url.origin).join(" ")}`);
