// Signs a message. The entry point opens the secrets before this line runs, so they are ordinary variables.
import { createHmac } from "node:crypto";

const key = process.env.SIGNING_KEY;

export const handler = async ({ message }) => ({
  signature: createHmac("sha256", key).update(message).digest("hex"),
});
