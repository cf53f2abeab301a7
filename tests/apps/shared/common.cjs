// Reads through `require`, for targets and bundlers that know it.
"use strict";
const proc = require("node:process");
const { env } = require("process");
const interop = (module) => (module && module.__esModule ? module : { default: module });
const wrapped = interop(require("node:process"));

exports.probes = {
  required: () => proc.env.APP_REQUIRED,
  required_env: () => env.APP_REQUIRED_ENV,
  required_here: () => require("process").env.APP_REQUIRED_HERE,
  required_pattern: () => {
    const { APP_REQUIRED_PATTERN: key } = require("node:process").env;
    return key;
  },
  required_default: () => wrapped.default.env.APP_REQUIRED_DEFAULT,
  required_sequence: () => (0, proc).env.APP_REQUIRED_SEQUENCE,
};
