import type { NextRequest } from "next/server";
import { sign } from "@/lib/sign";

export const runtime = "edge";

/** A quote that the carrier will recognise as ours. */
export async function GET(request: NextRequest) {
  const e = process.env;
  const region = globalThis.process.env.CARRIER_REGION ?? "eu";
  const quote = `${request.nextUrl.searchParams.get("to") ?? "home"}@${region}`;
  const signature = e.CARRIER_TOKEN ? await sign(e.CARRIER_TOKEN, quote) : null;
  return Response.json({ quote, signature, configured: !!e["CARRIER_TOKEN"] });
}
