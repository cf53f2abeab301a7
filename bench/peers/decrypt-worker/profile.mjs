// Takes a CPU profile of one Worker, by way of workerd's inspector: of that Worker's isolate alone, since each has a
// target of its own.
//
// Arguments: the inspector's address, the Worker's name, microseconds between samples. The line `profiling` says that it
// has begun. It ends with standard input, or after a minute, and prints the profile as one line of JSON (DevTools protocol,
// `Profiler.Profile`).
const [inspector, name, interval] = process.argv.slice(2);
setTimeout(() => process.exit(1), 60_000).unref();

const targets = await (await fetch(`${inspector}/json`)).json();
const target = targets.find(({ id }) => id === `core:user:${name}`);
if (target === undefined) throw new Error(`no ${name} in ${JSON.stringify(targets)}`);
const socket = new WebSocket(target.webSocketDebuggerUrl);
const waiting = new Map();
socket.onmessage = ({ data }) => {
  const { id, error, result } = JSON.parse(data);
  if (id === undefined) return;
  const { resolve, reject } = waiting.get(id);
  error === undefined ? resolve(result) : reject(new Error(JSON.stringify(error)));
};
socket.onclose = () => process.exit(1);
await new Promise((resolve, reject) => Object.assign(socket, { onopen: resolve, onerror: reject }));

let calls = 0;
function call(method, params = {}) {
  calls += 1;
  socket.send(JSON.stringify({ id: calls, method, params }));
  return new Promise((resolve, reject) => waiting.set(calls, { resolve, reject }));
}

await call("Profiler.enable");
await call("Profiler.setSamplingInterval", { interval: Number(interval) });
await call("Profiler.start");
console.log("profiling");
for await (const _ of process.stdin);
const { profile } = await call("Profiler.stop");
process.stdout.write(`${JSON.stringify(profile)}\n`, () => process.exit(0));
