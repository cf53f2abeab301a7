#!/usr/bin/env node
// `npx capy-service DIR`: makes a folder to deploy a key service from. It holds settings, and no copy of the service: that
// stays in this package, so that a newer version is `npm install` away. Nothing is installed or deployed here.
"use strict";

const fs = require("node:fs");
const path = require("node:path");

const own = require("../package.json");
const command = Object.keys(own.bin)[0];

const USAGE = `usage: ${command} DIR

Makes the folder DIR to deploy a key service from, with Node alone:

  cd DIR
  npm install
  npx capy service keygen --secrets-file service.secrets
  npx wrangler deploy --secrets-file service.secrets
`;

function fail(what, hint) {
  fs.writeSync(2, `error: ${what}\n\nhint: ${hint}\n`);
  process.exit(1);
}

function packageFile(name) {
  const exact = (text) => JSON.stringify(text);
  return `{
  "name": ${exact(name)},
  "private": true,
  "description": "The key service of Capy, on Cloudflare Workers",
  "scripts": {
    "deploy": "wrangler deploy",
    "verify": "capy service verify"
  },
  "dependencies": {
    ${exact(own.capy.capy)}: ${exact(own.version)},
    ${exact(own.name)}: ${exact(own.version)},
    "wrangler": ${exact(own.capy.wrangler)}
  }
}
`;
}

function settings() {
  const text = fs.readFileSync(path.join(__dirname, "../wrangler.toml"), "utf8");
  const below = `node_modules/${own.name}`;
  return text
    .replace('main = "worker/', `main = "${below}/worker/`)
    .replace('migrations_dir = "migrations"', `migrations_dir = "${below}/migrations"`);
}

const [folder, ...rest] = process.argv.slice(2);
if (folder === "--help" || folder === "-h") {
  process.stdout.write(USAGE);
} else if (folder === "--version") {
  process.stdout.write(`${command} ${own.version} (commit ${own.gitHead})\n`);
} else if (folder === undefined || folder.startsWith("-") || rest.length > 0) {
  process.stderr.write(USAGE);
  process.exit(2);
} else {
  make(folder);
}

function make(folder) {
  if (fs.existsSync(folder) && fs.readdirSync(folder).length > 0) {
    fail(`${folder} exists and is not empty`, "name a new folder; to update one, install a newer version of the packages in it");
  }
  const files = {
    "package.json": packageFile(path.basename(path.resolve(folder)).toLowerCase().replace(/[^a-z0-9-]+/g, "-").replace(/^-+/, "") || "keys"),
    "wrangler.toml": settings(),
    ".gitignore": "node_modules/\n.wrangler/\nservice.secrets\n",
  };
  fs.mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    fs.writeFileSync(path.join(folder, name), text, { flag: "wx" });
  }
  const steps = USAGE.split("\n").filter((line) => line.startsWith("  ")).join("\n").replace("DIR", folder);
  process.stdout.write(`made ${folder}; next:\n\n${steps}\n\nKeep service.secrets where you keep such things, and delete it here.\n`);
}
