// Each variable is read in one way of its own, by nothing but the global `process`.
import { digests } from "./digest.mjs";

const atStart = process.env.APP_AT_START;
export const { APP_EXPORTED } = process.env;
const environment = process.env;
const again = environment;
const runtime = process;
const { env: taken } = process;
const CONSTANT = "APP_CONSTANT_KEY";
const config = { key: process.env.APP_CONFIG, nested: { list: [process.env.APP_CONFIG_LIST] } };
const read = (name) => process.env[name];
const pick = (from, name) => from[name];
const whole = () => process.env;
const held = { env: process.env };

class Client {
  key = process.env.APP_CLASS_FIELD;
  static key = process.env.APP_STATIC_FIELD;
  #hidden = process.env.APP_PRIVATE_FIELD;
  get hidden() {
    return this.#hidden;
  }
}

const probes = {
  // Direct reads.
  dot: () => process.env.APP_DOT,
  bracket: () => process.env["APP_BRACKET"],
  template_key: () => process.env[`APP_TEMPLATE_KEY`],
  parenthesised: () => (process.env).APP_PARENTHESISED,
  optional: () => process?.env?.APP_OPTIONAL,
  optional_key: () => process.env?.["APP_OPTIONAL_KEY"],
  in_template: () => `<${process.env.APP_IN_TEMPLATE}>`,
  or_default: () => process.env.APP_OR_DEFAULT || "none",
  nullish_default: () => process.env.APP_NULLISH_DEFAULT ?? "none",
  length: () => process.env.APP_LENGTH.length,
  method: () => process.env.APP_METHOD?.trim().toUpperCase(),
  compared: () => process.env.APP_ENABLED === "true",
  number: () => Number(process.env.APP_NUMBER) + 1,
  type: () => typeof process.env.APP_TYPE,
  guarded: () => (typeof process !== "undefined" ? process.env.APP_GUARDED : undefined),
  called: () => String(process.env.APP_CALLED),
  not_empty: () => Boolean(process.env.APP_NOT_EMPTY),
  config: () => config.key,
  config_list: () => config.nested.list[0],
  class_field: () => new Client().key,
  static_field: () => Client.key,
  private_field: () => new Client().hidden,
  default_parameter: () => ((value = process.env.APP_DEFAULT_PARAMETER) => value)(),
  getter: () => ({
    get key() {
      return process.env.APP_GETTER;
    },
  }).key,
  later: async () => {
    await null;
    return process.env.APP_LATER;
  },
  generated: () => [...(function* () { yield process.env.APP_GENERATED; })()][0],
  at_start: () => atStart,
  exported: () => APP_EXPORTED,
  awkward: () => process.env.APP_AWKWARD,
  empty: () => [process.env.APP_EMPTY, process.env.APP_EMPTY ?? "none", process.env.APP_EMPTY || "none"],

  // Patterns.
  destructured: () => {
    const { APP_DESTRUCTURED } = process.env;
    return APP_DESTRUCTURED;
  },
  renamed: () => {
    const { APP_RENAMED: key } = process.env;
    return key;
  },
  defaulted: () => {
    const { APP_DEFAULTED = "none" } = process.env;
    return APP_DEFAULTED;
  },
  renamed_defaulted: () => {
    const { ["APP_RENAMED_DEFAULTED"]: key = "none", APP_SECOND: second } = process.env;
    return [key, second];
  },
  nested: () => {
    const { env: { APP_NESTED } } = process;
    return APP_NESTED;
  },
  nested_default: () => {
    const { env: { APP_NESTED_DEFAULT: key = "none" } = {} } = process;
    return key;
  },
  pattern_assigned: () => {
    let key;
    ({ APP_PATTERN_ASSIGNED: key } = process.env);
    return key;
  },
  pattern_parameter: () => (({ APP_PATTERN_PARAMETER }) => APP_PATTERN_PARAMETER)(process.env),

  // Aliases.
  alias: () => environment.APP_ALIAS,
  alias_of_alias: () => again["APP_ALIAS_OF_ALIAS"],
  process_alias: () => runtime.env.APP_PROCESS_ALIAS,
  taken: () => taken.APP_TAKEN,
  alias_pattern: () => {
    const { APP_ALIAS_PATTERN } = environment;
    return APP_ALIAS_PATTERN;
  },
  late: () => {
    let env;
    return (env = process.env).APP_LATE + env.APP_LATE_AGAIN;
  },
  returned: () => whole().APP_RETURNED,
  held: () => held.env.APP_HELD,
  global_this: () => globalThis.process.env.APP_GLOBAL_THIS,
  global_this_brackets: () => globalThis["process"]["env"]["APP_GLOBAL_THIS_BRACKETS"],
  global_this_optional: () => globalThis.process?.env?.APP_GLOBAL_THIS_OPTIONAL,

  // What older targets make of `?.` and `||=`.
  lowered_optional: () => {
    var _a;
    return (_a = process == null ? void 0 : process.env) == null ? void 0 : _a.APP_LOWERED_OPTIONAL;
  },
  lowered_twice: () => {
    var e = process, r;
    return null == (r = null == e ? void 0 : e.env) ? void 0 : r.APP_LOWERED_TWICE;
  },
  lowered_or_assignment: () => {
    process.env.APP_LOWERED_OR || (process.env.APP_LOWERED_OR = "fallback");
    return process.env.APP_LOWERED_OR;
  },

  // Keys that are not written where they are used.
  constant_key: () => process.env[CONSTANT],
  joined_key: () => process.env["APP_" + "JOINED_KEY"],
  dynamic_keys: () => ["APP_DYNAMIC_ONE", "APP_DYNAMIC_TWO"].map((name) => process.env[name]),
  argument_key: () => read("APP_ARGUMENT_KEY"),
  computed_key: () => process.env[["APP", "COMPUTED", "KEY"].join("_")],
  chosen_key: () => process.env[Date.now() > 0 ? "APP_CHOSEN_KEY" : "APP_OTHER_KEY"],

  // The environment as a whole.
  in: () => "APP_IN" in process.env,
  has_own: () => Object.hasOwn(process.env, "APP_HAS_OWN"),
  has_own_property: () => Object.prototype.hasOwnProperty.call(process.env, "APP_HAS_OWN_PROPERTY"),
  spread: () => ({ ...process.env }).APP_SPREAD,
  rest: () => {
    const { PATH, ...rest } = process.env;
    return rest.APP_REST;
  },
  keys: () => Object.keys(process.env).filter((name) => name.startsWith("APP_LISTED_")).sort(),
  entries: () => Object.fromEntries(Object.entries(process.env)).APP_ENTRIES,
  for_in: () => {
    for (const name in process.env) if (name === "APP_FOR_IN") return process.env[name];
  },
  proxy: () => new Proxy(process.env, { get: (env, name) => env[name] }).APP_PROXY,
  reflect: () => Reflect.get(process.env, "APP_REFLECT"),
  json: () => JSON.parse(JSON.stringify(process.env)).APP_JSON,
  passed: () => pick(process.env, "APP_PASSED"),
  object_assign: () => Object.assign({}, process.env).APP_OBJECT_ASSIGN,
  schema: () => ((env = process.env) => Object.fromEntries(["APP_SCHEMA"].map((name) => [name, env[name]])))(),

  // Writes; each puts back what it found, for the next request.
  deleted: () => {
    const before = process.env.APP_DELETED;
    delete process.env.APP_DELETED;
    const after = [process.env.APP_DELETED, "APP_DELETED" in process.env];
    if (before !== undefined) process.env.APP_DELETED = before;
    return [before, ...after];
  },
  written: () => {
    const before = process.env.APP_WRITTEN;
    process.env.APP_WRITTEN = "other";
    const after = process.env.APP_WRITTEN;
    process.env.APP_WRITTEN = before;
    return [before, after];
  },
  nullish_assigned: () => {
    process.env.APP_NULLISH_ASSIGNED ??= "fallback";
    return process.env.APP_NULLISH_ASSIGNED;
  },
  or_assigned: () => {
    process.env.APP_OR_ASSIGNED ||= "fallback";
    return process.env.APP_OR_ASSIGNED;
  },

  // Not the environment, and not there.
  shadowed: () => ((process) => process.env.APP_SHADOWED)({ env: { APP_SHADOWED: "own" } }),
  absent_in_shim: () => ({ env: {}, browser: true }).env.APP_SHIM,
  absent: () => process.env.APP_NOT_SET,
};

export const answers = () => digests(probes);

// Ends a Node process with an error that nobody catches: Node then prints the source line that threw.
export const crash = () => void setTimeout(() => { throw new Error(`crashed with ${process.env.APP_CRASH.length}`); });
