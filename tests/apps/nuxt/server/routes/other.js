import * as node from "../../shared/other-node.mjs";
import { answers } from "../../shared/other.mjs";

export default defineEventHandler(async () => ({ ...(await answers()), ...(await node.answers()) }));
