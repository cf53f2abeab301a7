import * as node from "../../shared/other-node.mjs";
import { answers } from "../../shared/other.mjs";
import { settings } from "../../shared/settings.mjs";

export async function GET() {
  return Response.json({ ...(await answers()), ...(await node.answers()), shared: settings.key?.length ?? 0 });
}
