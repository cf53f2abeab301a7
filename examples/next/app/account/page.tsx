import { cookies } from "next/headers";
import { readSession, SESSION_COOKIE } from "@/lib/session";

/** The middleware lets only signed sessions come here. */
export default async function Account() {
  const customer = await readSession((await cookies()).get(SESSION_COOKIE)?.value);
  return <main id="account">{`signed in as ${customer}`}</main>;
}
