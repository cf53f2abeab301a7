import { createHmac } from "node:crypto";

export type PaymentMode = "live" | "test" | "off";

export function paymentMode(): PaymentMode {
  const key = process.env?.STRIPE_SECRET_KEY;
  if (!key) return "off";
  return key.startsWith("sk_live_") ? "live" : "test";
}

/** One basket has one key, so that a repeated request is not charged twice. */
export function idempotencyKey(basket: string): string | null {
  const { STRIPE_SECRET_KEY: key, STRIPE_ACCOUNT: account = "main" } = process.env;
  return key ? createHmac("sha256", key).update(`${account}/${basket}`).digest("hex") : null;
}
