// The module that Workers starts from. It keeps one call's panic from reaching any other call.
//
// A Rust panic, like any trap, leaves the wasm instance unusable. The calls that are in flight would wait for ever,
// since nothing polls their futures again. So each call is raced against the instance's end, all of them are
// answered with a plain 500, and the next call gets a new instance. What failed is in the log, never in an answer.
import * as service from "./index.js";

/** Ends a call in flight, one function for each. */
const inFlight = new Set();
let aborted = false;

service.__on_abort(() => {
  aborted = true;
  for (const end of inFlight) end();
  inFlight.clear();
});

/** The same shape as every other error of the service. */
function internalError() {
  const body = { error: "internal error", code: "INTERNAL" };
  return Response.json(body, { status: 500, headers: { "cache-control": "no-store" } });
}

/** Runs one call of the service: what it answers, or an error when the instance ended meanwhile. */
async function run(call) {
  if (aborted) {
    service.__wbg_reset_state();
    aborted = false;
  }
  let end;
  const ended = new Promise((_, reject) => {
    end = () => reject(new Error("the wasm instance ended"));
    inFlight.add(end);
  });
  try {
    return await Promise.race([call(), ended]);
  } finally {
    inFlight.delete(end);
  }
}

async function fetch(request, env, context) {
  try {
    return await run(() => service.fetch(request, env, context));
  } catch (error) {
    console.error("Critical", String(error));
    // Made here and not where the abort is seen: a response belongs to the call that makes it.
    return internalError();
  }
}

async function scheduled(_controller, env) {
  await run(() => service.scheduled(env));
}

export default { fetch, scheduled };
