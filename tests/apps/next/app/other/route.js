import * as node from "../../shared/other-node.mjs";
import { answers } from "../../shared/other.mjs";

export const dynamic = "force-dynamic";

export const GET = async () => Response.json({ ...(await answers()), ...(await node.answers()) });
