// One function in a process: a module of Node's, or a script in the edge's sandbox. Tells its parent the port.
import { AsyncLocalStorage } from "node:async_hooks";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { SourceTextModule } from "node:vm";
import { EdgeRuntime } from "edge-runtime";

const folder = process.argv[2];
const config = JSON.parse(readFileSync(join(folder, ".vc-config.json")));
process.on("disconnect", () => process.exit());

// The sandbox has web APIs, a copy of the environment, and the few modules that the edge knows.
const known = ["assert", "async_hooks", "buffer", "events", "util"];

async function edge() {
  const require = createRequire(import.meta.url);
  const globals = {
    AsyncLocalStorage,
    process: { env: { ...process.env } },
    require: (name) => (known.includes(name.replace("node:", "")) ? require(name) : undefined),
  };
  const { context } = new EdgeRuntime({ extend: (context) => Object.assign(context, globals) });
  const bundle = new SourceTextModule(readFileSync(join(folder, config.entrypoint), "utf8"), { context });
  await bundle.link((name) => {
    throw new Error(`the edge has no module ${name}`);
  });
  await bundle.evaluate();
  return web((url, headers) => bundle.namespace.default(new context.Request(url, { headers }), { waitUntil() {} }));
}

function web(handle) {
  return async (request, response) => {
    const answered = await handle(`http://localhost${request.url}`, request.headers);
    const headers = Object.fromEntries(answered.headers);
    response.writeHead(answered.status, headers).end(Buffer.from(await answered.arrayBuffer()));
  };
}

async function node() {
  process.chdir(folder);
  const handle = createRequire(join(folder, "x.js"))(join(folder, config.handler));
  return config.useWebApi ? web((url, headers) => handle(new Request(url, { headers }))) : handle;
}

const server = createServer(config.runtime === "edge" ? await edge() : await node());
server.listen(0, "127.0.0.1", () => process.send(server.address().port));
