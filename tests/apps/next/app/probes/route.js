import { probes as required } from "../../shared/common.cjs";
import { digest, digests } from "../../shared/digest.mjs";
import * as node from "../../shared/node.mjs";
import { answers, crash } from "../../shared/probes.mjs";

export const dynamic = "force-dynamic";

export async function GET(request) {
  if (new URL(request.url).searchParams.has("crash")) crash();
  return Response.json({
    ...(await answers()),
    ...(await node.answers()),
    ...(await digests(required)),
    registered: digest(globalThis.registered),
  });
}
