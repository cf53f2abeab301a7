import { NextResponse } from "next/server";
import { digest } from "./shared/digest.mjs";

export const config = { matcher: ["/proxied"] };

const key = process.env.APP_PROXY_START;

// Runs in Node before the routes, and answers what it read.
export function proxy() {
  const { APP_PROXY_PATTERN } = process.env;
  const names = ["APP_PROXY_DYNAMIC"];
  return NextResponse.json({
    start: digest(key),
    dot: digest(process.env.APP_PROXY_DOT),
    pattern: digest(APP_PROXY_PATTERN),
    dynamic: digest(names.map((name) => process.env[name])),
  });
}
