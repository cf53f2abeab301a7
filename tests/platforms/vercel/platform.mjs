// What Vercel does with its build output, as far as the apps need it: files, then middleware, then a path's function.
// Runs in the project's folder.
// Each function is a process of its own, in a folder that holds what its configuration maps and nothing else.
import { fork } from "node:child_process";
import { cpSync, existsSync, linkSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";

const output = join(process.cwd(), ".vercel/output");
const { routes, overrides = {} } = JSON.parse(readFileSync(join(output, "config.json")));
const scratch = mkdtempSync(join(process.cwd(), ".functions-"));
const running = new Map();

const parse = (path) => JSON.parse(readFileSync(path));

// A function's folder as the platform unpacks it.
function unpack(folder, config) {
  const to = join(scratch, String(running.size));
  cpSync(folder, to, { recursive: true });
  for (const [inside, source] of Object.entries(config.filePathMap ?? {})) {
    const target = join(to, inside);
    mkdirSync(dirname(target), { recursive: true });
    rmSync(target, { force: true });
    linkSync(realpathSync(source), target);
  }
  return to;
}

async function start(folder) {
  const config = parse(join(folder, ".vc-config.json"));
  const child = fork(fileURLToPath(new URL("function.mjs", import.meta.url)), [unpack(folder, config)], {
    env: { ...process.env, ...config.environment },
    execArgv: ["--experimental-vm-modules", "--no-warnings"],
  });
  return new Promise((resolve, reject) => {
    child.once("message", resolve);
    child.once("exit", (code) => reject(new Error(`${folder} ended with ${code}`)));
  });
}

function call(name, request) {
  const folder = realpathSync(join(output, "functions", `${name}.func`));
  if (!running.has(folder)) running.set(folder, start(folder));
  return running.get(folder).then((port) => {
    const headers = { ...request.headers, "x-matched-path": request.url };
    return fetch(`http://127.0.0.1:${port}${request.url}`, { headers, redirect: "manual" });
  });
}

// The static file of a path, which may be renamed.
function staticFile(pathname) {
  const renamed = Object.keys(overrides).find((name) => `/${overrides[name].path}` === pathname);
  const file = join(output, "static", renamed ?? pathname);
  return extname(file) && existsSync(file) ? file : undefined;
}

async function answer(request) {
  const { pathname } = new URL(request.url, "http://localhost");
  const file = staticFile(pathname);
  if (file) return new Response(readFileSync(file));
  const middleware = routes.find((route) => route.middlewarePath && new RegExp(route.src).test(pathname));
  if (middleware) {
    const response = await call(middleware.middlewarePath, request);
    if (!response.headers.has("x-middleware-next")) return response;
  }
  const name = pathname === "/" ? "index" : pathname.slice(1);
  const prerendered = join(output, "functions", `${name}.prerender-fallback.html`);
  if (existsSync(prerendered)) return new Response(readFileSync(prerendered));
  return call(name, request);
}

const server = createServer(async (request, response) => {
  try {
    const answered = await answer(request);
    response.writeHead(answered.status).end(Buffer.from(await answered.arrayBuffer()));
  } catch (error) {
    console.error(error);
    response.writeHead(500).end(error.message);
  }
});
server.listen(process.env.PORT, process.env.HOST);
