// A Worker around another, to run that one's decrypts without anything that is not its isolate's: `POST /alone` calls it
// `count` times in one request, with bindings that answer at once, from rows that were read before. Every other call
// goes through, with the bindings of the runtime.
//
// What is left of the processor's time is the Worker's own code with the platform's requests, answers and garbage.
import worker from "./inner.js";

class D1Database {
  constructor(rows) {
    this.rows = rows;
  }
  prepare(sql) {
    return new D1PreparedStatement(this.rows, sql, []);
  }
  async batch(statements) {
    return statements.map((statement) => statement.answer());
  }
}

class D1PreparedStatement {
  constructor(rows, sql, values) {
    Object.assign(this, { rows, sql, values });
  }
  bind(...values) {
    return new D1PreparedStatement(this.rows, this.sql, values);
  }
  answer() {
    const results = this.results();
    return { success: true, results, meta: { changes: this.sql.startsWith("SELECT") ? 0 : 1 } };
  }
  results() {
    const row = this.rows.get(this.values[0]);
    if (row === undefined) throw new Error(`alone: ${this.sql}`);
    if (this.sql.startsWith("SELECT * FROM deploys WHERE deploy_id = ?1")) return [{ ...row }];
    if (this.sql.startsWith("INSERT INTO audit ")) return [];
    if (this.sql.startsWith("UPDATE deploys SET uses = uses + 1")) return [{ uses: 1 }];
    throw new Error(`alone: ${this.sql}`);
  }
  async all() {
    return this.answer();
  }
}

class KvNamespace {
  async get() {
    return null;
  }
}

class Ratelimit {
  async limit() {
    return { success: true };
  }
}

/** What answers in place of the runtime's bindings, while it is there. */
let instead;
const bound = {};

/** Bindings that stay the same objects: a Worker may keep those of its first call. */
function bindingsOf(env) {
  for (const name of ["DB", "REVOCATIONS", "DECRYPTS_OF_DEPLOY", "DECRYPTS_FROM_ADDRESS"]) {
    if (!(name in env)) continue;
    bound[name] ??= new Proxy({}, {
      get(_, property) {
        const binding = (instead ?? env)[name];
        const value = binding[property];
        return typeof value === "function" ? value.bind(binding) : value;
      },
    });
  }
  return { ...env, ...bound };
}

/** The rows of all deployments that are asked for, as the database has them. */
async function rowsOf(asks, database) {
  const read = async ({ path }) => {
    const id = path.split("/")[2];
    return [id, await database.prepare("SELECT * FROM deploys WHERE deploy_id = ?1").bind(id).first()];
  };
  return new Map(await Promise.all(asks.map(read)));
}

async function alone(request, env, context) {
  const { asks, count } = await request.json();
  const bindings = bindingsOf(env);
  instead = {
    DB: new D1Database(await rowsOf(asks, env.DB)),
    REVOCATIONS: new KvNamespace(),
    DECRYPTS_OF_DEPLOY: new Ratelimit(),
    DECRYPTS_FROM_ADDRESS: new Ratelimit(),
  };
  try {
    for (let number = 0; number < count; number++) {
      const { path, body, expected } = asks[number % asks.length];
      const headers = {
        "content-type": "application/json",
        "content-length": String(body.length),
        "cf-connecting-ip": "192.0.2.1",
        "user-agent": "capy-bench",
      };
      const url = new URL(path, request.url);
      const answer = await worker.fetch(new Request(url, { method: "POST", headers, body }), bindings, context);
      const text = await answer.text();
      if (answer.status !== 200 || !text.includes(expected)) throw new Error(`alone: ${answer.status} ${text}`);
    }
  } finally {
    instead = undefined;
  }
  return Response.json({ count });
}

export default {
  fetch(request, env, context) {
    const { pathname } = new URL(request.url);
    return pathname === "/alone" ? alone(request, env, context) : worker.fetch(request, bindingsOf(env), context);
  },
};
