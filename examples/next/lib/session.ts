import { same, sign } from "./sign";

export const SESSION_COOKIE = "session";

/** `customer.signature`; undefined while the shop has no session secret. */
export async function openSession(customer: string): Promise<string | undefined> {
  const secret = process.env.SESSION_SECRET;
  if (!secret) return undefined;
  return `${customer}.${await sign(secret, customer)}`;
}

/** The customer that a session token names, when the present secret or the one before it signed it. */
export async function readSession(token: string | undefined): Promise<string | undefined> {
  const { SESSION_SECRET, SESSION_SECRET_PREVIOUS: previous = "" } = process.env;
  const dot = token?.lastIndexOf(".") ?? -1;
  if (!token || dot < 0) return undefined;
  const customer = token.slice(0, dot);
  for (const secret of [SESSION_SECRET, previous]) {
    if (secret && same(await sign(secret, customer), token.slice(dot + 1))) return customer;
  }
  return undefined;
}
