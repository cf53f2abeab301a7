// Reads through another module's re-exports of `node:process`.
import { digests } from "./digest.mjs";
import { handed, runtime } from "./settings-node.mjs";

const probes = {
  handed_env: () => handed.APP_HANDED_ENV,
  handed_process: () => runtime.env.APP_HANDED_PROCESS,
};

export const answers = () => digests(probes);
