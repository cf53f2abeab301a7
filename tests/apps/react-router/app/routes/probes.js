import { probes as required } from "../../shared/common.cjs";
import { digests } from "../../shared/digest.mjs";
import * as node from "../../shared/node.mjs";
import { answers, crash } from "../../shared/probes.mjs";

export async function loader({ request }) {
  if (new URL(request.url).searchParams.has("crash")) crash();
  return Response.json({ ...(await answers()), ...(await node.answers()), ...(await digests(required)) });
}
