import { same, sign } from "@/lib/sign";

export const runtime = "edge";

/** Believes an event only with `x-signature: t=<seconds>,v1=<hmac of "t.body">`, as payment services send it. */
export async function POST(request: Request) {
  const { WEBHOOK_SECRET, WEBHOOK_TOLERANCE_SECONDS: tolerance = "300" } = process.env;
  if (!WEBHOOK_SECRET) return Response.json({ error: "no webhook secret" }, { status: 503 });

  const [, sent = "", mac = ""] = /^t=(\d+),v1=([0-9a-f]+)$/.exec(request.headers.get("x-signature") ?? "") ?? [];
  const late = Math.abs(Date.now() / 1000 - Number(sent)) > Number(tolerance);
  if (late || !same(await sign(WEBHOOK_SECRET, `${sent}.${await request.text()}`), mac)) {
    return Response.json({ error: "bad signature" }, { status: 401 });
  }
  return Response.json({ received: true });
}
