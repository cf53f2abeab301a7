// Runs one Worker in workerd on a loopback port, without a proxy before it. Its argument is the folder for the data. The
// Worker, its secrets, and statements to run on its database first are JSON in the environment. One line says when it is
// ready: `serving on URL`. It ends with its process group.
import { Miniflare, convertV4MiniflareOptions } from "miniflare";

const [persist] = process.argv.slice(2);
const { WORKER, SECRETS, STATEMENTS } = process.env;

const runtime = new Miniflare(
  convertV4MiniflareOptions({
    host: "127.0.0.1",
    port: 0,
    resourcePersistencePath: persist,
    cf: false,
    ...JSON.parse(WORKER),
    bindings: JSON.parse(SECRETS),
    unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
  }),
);
await runtime.ready;
for (const statement of JSON.parse(STATEMENTS)) {
  const database = await runtime.getD1Database("DB");
  await database.prepare(statement).run();
}
console.log(`serving on ${(await runtime.unsafeGetDirectURL()).origin}`);
