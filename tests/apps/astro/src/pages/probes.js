import { APP_FRAMEWORK, getSecret } from "astro:env/server";
import { probes as required } from "#required";
import { digests } from "../../shared/digest.mjs";
import * as node from "../../shared/node.mjs";
import { answers, crash } from "../../shared/probes.mjs";

const getters = {
  framework: () => APP_FRAMEWORK,
  framework_pattern: () => getSecret("APP_FRAMEWORK_PATTERN"),
  framework_dynamic: () => ["APP_FRAMEWORK_DYNAMIC"].map((name) => getSecret(name)),
};

export async function GET({ url }) {
  if (url.searchParams.has("crash")) crash();
  const own = await digests({ ...required, ...getters });
  return Response.json({ ...(await answers()), ...(await node.answers()), ...own });
}
