// A function behind an HTTP gateway, bundled into one file.
import { probes as required } from "./shared/common.cjs";
import { digests } from "./shared/digest.mjs";
import * as node from "./shared/node.mjs";
import * as otherNode from "./shared/other-node.mjs";
import * as other from "./shared/other.mjs";
import { answers, crash } from "./shared/probes.mjs";

export async function handler(event) {
  if (event.rawPath === "/crash") crash();
  if (event.rawPath === "/other") return json({ ...(await other.answers()), ...(await otherNode.answers()) });
  return json({ ...(await answers()), ...(await node.answers()), ...(await digests(required)) });
}

const json = (body) => ({
  statusCode: 200,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
});
