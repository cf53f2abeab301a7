import * as other from "../../shared/other.mjs";
import { answers } from "../../shared/probes.mjs";

export const runtime = "edge";

export const GET = async () => Response.json({ ...(await answers()), ...(await other.answers()) });
