import { probes as required } from "../../shared/common.cjs";
import { digests } from "../../shared/digest.mjs";
import * as node from "../../shared/node.mjs";
import { answers } from "../../shared/probes.mjs";

export default defineEventHandler(async (event) => ({
  ...(await answers()),
  ...(await node.answers()),
  ...(await digests(required)),
  ...(await digests({
    runtime_config: () => useRuntimeConfig().apiToken,
    runtime_config_of_event: () => useRuntimeConfig(event).apiToken,
  })),
}));
