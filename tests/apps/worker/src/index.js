import { env as bindings } from "cloudflare:workers";
import { Hono } from "hono";
import { env } from "hono/adapter";
import { probes as required } from "../shared/common.cjs";
import { digests } from "../shared/digest.mjs";
import * as node from "../shared/node.mjs";
import * as otherNode from "../shared/other-node.mjs";
import * as other from "../shared/other.mjs";
import { answers } from "../shared/probes.mjs";

// What only a Worker has: bindings as an argument, as a module, and through the framework.
const workers = (c) => ({
  argument: () => c.env.APP_BINDING,
  argument_pattern: () => {
    const { APP_BINDING_PATTERN: key } = c.env;
    return key;
  },
  module: () => bindings.APP_BINDING_MODULE,
  module_dynamic: () => ["APP_BINDING_DYNAMIC"].map((name) => bindings[name]),
  adapter: () => env(c).APP_BINDING_ADAPTER,
});

const app = new Hono();
app.get("/probes", async (c) =>
  c.json({ ...(await answers()), ...(await node.answers()), ...(await digests(required)) }),
);
app.get("/other", async (c) => c.json({ ...(await other.answers()), ...(await otherNode.answers()) }));
app.get("/bindings", async (c) => c.json(await digests(workers(c))));

export default app;
