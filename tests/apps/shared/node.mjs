// Reads through imports of `node:process` and `process`.
import { digests } from "./digest.mjs";
import proc, { env, env as renamed } from "node:process";
import * as namespace from "node:process";
import bare from "process";
import { env as bareEnv } from "process";

const probes = {
  default_import: () => proc.env.APP_DEFAULT_IMPORT,
  default_import_pattern: () => {
    const { APP_DEFAULT_IMPORT_PATTERN: key } = proc.env;
    return key;
  },
  named_import: () => env.APP_NAMED_IMPORT,
  named_import_bracket: () => env["APP_NAMED_IMPORT_BRACKET"],
  named_import_pattern: () => {
    const { APP_NAMED_IMPORT_PATTERN = "none" } = env;
    return APP_NAMED_IMPORT_PATTERN;
  },
  renamed_import: () => renamed.APP_RENAMED_IMPORT,
  named_import_dynamic: () => ["APP_NAMED_IMPORT_DYNAMIC"].map((name) => env[name]),
  named_import_spread: () => ({ ...env }).APP_NAMED_IMPORT_SPREAD,
  namespace_import: () => namespace.env.APP_NAMESPACE_IMPORT,
  namespace_default: () => namespace.default.env.APP_NAMESPACE_DEFAULT,
  bare_import: () => bare.env.APP_BARE_IMPORT,
  bare_named_import: () => bareEnv.APP_BARE_NAMED_IMPORT,
  dynamic_import: async () => (await import("node:process")).env.APP_DYNAMIC_IMPORT,
  dynamic_import_default: async () => (await import("node:process")).default.env.APP_DYNAMIC_IMPORT_DEFAULT,
  global: () => global.process.env.APP_GLOBAL,
};

export const answers = () => digests(probes);
