"use server";

import { cookies } from "next/headers";
import { redirect } from "next/navigation";
import { priceOf } from "@/lib/catalog";
import { openSession, SESSION_COOKIE } from "@/lib/session";
import { sign } from "@/lib/sign";

/** Prices the order, signs it, remembers the customer, and shows the signed receipt. */
export async function placeOrder(form: FormData): Promise<void> {
  const {
    env: { ORDER_SIGNING_KEY: signingKey },
  } = process;
  const item = String(form.get("item"));
  const count = Number(form.get("count") ?? 1);
  const order = `${item}-${count}-${priceOf(item) * count}`;
  const signature = signingKey ? await sign(signingKey, order) : "unsigned";

  const session = await openSession(String(form.get("email") ?? ""));
  if (session) (await cookies()).set(SESSION_COOKIE, session, { httpOnly: true, sameSite: "lax" });
  redirect(`/orders/${order}?signature=${signature}`);
}
