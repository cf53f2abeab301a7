// One function in a process: a module of Node's, or a script in the edge's sandbox. Tells its parent the port.
import { AsyncLocalStorage } from "node:async_hooks";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { SourceTextModule } from "node:vm";

const folder = process.argv[2];
const config = JSON.parse(readFileSync(join(folder, ".vc-config.json")));
process.on("disconnect", () => process.exit());

// The app's own packages: the one with the edge's sandbox is among them where an app has edge functions.
const require = createRequire(join(process.cwd(), "package.json"));

// The sandbox has web APIs, a copy of the environment, and the few modules that the edge knows.
const known = ["assert", "async_hooks", "buffer", "events", "util"];

async function edge() {
  const { EdgeRuntime } = require("edge-runtime");
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
  const { default: handler } = await import(pathToFileURL(join(folder, config.handler)));
  const fetch = config.useWebApi ? handler : handler.fetch;
  return fetch ? web((url, headers) => fetch(new Request(url, { headers }))) : handler;
}

const server = createServer(config.runtime === "edge" ? await edge() : await node());
server.listen(0, "127.0.0.1", () => process.send(server.address().port));
