import { env } from "$env/dynamic/private";
import { json } from "@sveltejs/kit";
import { probes as required } from "#required";
import { digests } from "../../../shared/digest.mjs";
import * as node from "../../../shared/node.mjs";
import { answers, crash } from "../../../shared/probes.mjs";

const getters = {
  framework: () => env.APP_FRAMEWORK,
  framework_bracket: () => env["APP_FRAMEWORK_BRACKET"],
  framework_pattern: () => {
    const { APP_FRAMEWORK_PATTERN: key = "none" } = env;
    return key;
  },
  framework_dynamic: () => ["APP_FRAMEWORK_DYNAMIC"].map((name) => env[name]),
  framework_whole: () => ({ ...env }).APP_FRAMEWORK_WHOLE,
};

export async function GET({ url }) {
  if (url.searchParams.has("crash")) crash();
  const own = await digests({ ...required, ...getters });
  return json({ ...(await answers()), ...(await node.answers()), ...own });
}
