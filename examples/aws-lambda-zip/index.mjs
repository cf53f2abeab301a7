// Signs a message. The build replaces the read of the variable by its value.
import { createHmac } from "node:crypto";

export const handler = async ({ message }) => ({
  signature: createHmac("sha256", process.env.SIGNING_KEY).update(message).digest("hex"),
});
