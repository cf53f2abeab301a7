// Starts the program for this system, which is in a package of its own: an optional dependency of this one.
//
// Where Node can replace its own process (`process.execve`: 22.15, 23.11 and newer, not on Windows), it does:
// signals, exit code and streams are then the program's own. Else the program is a child, and this file passes
// on what it gets. It loads nothing that the way it takes does not need: Node's own start is most of the time.
"use strict";

const { name, version, optionalDependencies } = require("../package.json");

const SYSTEM = `${process.platform}-${process.arch}`;
const FILE = process.platform === "win32" ? "bin/capy.exe" : "bin/capy";

/** Exit codes as shells have them: the program is not there, or cannot be started. */
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;

exports.run = (calledAs) => {
  const program = find();
  const args = process.argv.slice(2);
  // The one program tells by its name which of the two it is.
  if (process.platform !== "win32") makeExecutable(program);
  if (canReplace()) {
    return process.execve(program, [calledAs, ...args], process.env);
  }
  return require("./child.cjs").run(program, calledAs, args, cannotStart);
};

/** The path of the program, or the end of this process. */
function find() {
  const platform = `${name}-${SYSTEM}`;
  try {
    return require.resolve(`${platform}/${FILE}`);
  } catch (error) {
    if (error.code !== "MODULE_NOT_FOUND") throw error;
  }
  const systems = Object.keys(optionalDependencies);
  if (!systems.includes(platform)) {
    const known = systems.map((other) => other.slice(name.length + 1)).join(", ");
    return end(
      NOT_EXECUTABLE,
      `error[PLATFORM_UNSUPPORTED]: there is no capy for ${SYSTEM}`,
      `this package has programs for ${known}; others can build it from source`,
    );
  }
  const other = systems.find(isInstalled);
  const missing = `the package ${platform} is not installed, which holds the program for this system`;
  if (other !== undefined) {
    const others = other.slice(name.length + 1);
    return end(
      NOT_FOUND,
      `error[PROGRAM_MISSING]: ${missing}; ${other} is`,
      `these packages were installed for ${others}: install them again on this system, not by a copy`,
    );
  }
  return end(
    NOT_FOUND,
    `error[PROGRAM_MISSING]: ${missing}`,
    `it is an optional dependency, and those were left out: ${installing(platform)}`,
  );
}

function isInstalled(other) {
  try {
    require.resolve(`${other}/package.json`);
    return true;
  } catch {
    return false;
  }
}

/** How the package manager that started this installs what was left out. */
function installing(platform) {
  const agent = process.env.npm_config_user_agent || "";
  const exact = `${platform}@${version}`;
  switch (agent.split("/")[0]) {
    case "pnpm":
      return `pnpm install, without --no-optional; or pnpm add --save-optional ${exact}`;
    case "yarn":
      return agent.startsWith("yarn/1.")
        ? `yarn install --force, without --ignore-optional; or yarn add --optional ${exact}`
        : `yarn install; or yarn add --optional ${exact}`;
    case "bun":
      return `bun install, without --omit=optional; or bun add --optional ${exact}`;
    default:
      return `npm install --include=optional; or npm install --save-optional ${exact}`;
  }
}

/**
 * Whether this process can become the program. Node cannot take back an attempt that fails, and a worker thread
 * cannot make one.
 */
function canReplace() {
  return typeof process.execve === "function" && process.platform !== "win32" && !process.versions.bun;
}

/** A file's mode is lost where packages are copied or packed by tools that know none. */
function makeExecutable(program) {
  const fs = require("node:fs");
  try {
    fs.accessSync(program, fs.constants.X_OK);
  } catch {
    try {
      fs.chmodSync(program, 0o755);
    } catch (error) {
      cannotStart(program, error);
    }
  }
}

function cannotStart(program, error) {
  const reason = error.code ?? error.message;
  return end(
    NOT_EXECUTABLE,
    `error[PROGRAM_NOT_EXECUTABLE]: ${program} cannot be started: ${reason}`,
    "install the package again",
  );
}

function end(code, what, hint) {
  // Not `console.error`: `process.exit` does not wait for a pipe that is written to later.
  require("node:fs").writeSync(2, `${what}\n\nhint: ${hint}\n`);
  process.exit(code);
}
