import { NextResponse, type NextRequest } from "next/server";
import { readSession, SESSION_COOKIE } from "@/lib/session";
import { sign } from "@/lib/sign";

export const config = { matcher: ["/account", "/api/:path*"] };

/** Turns strangers away from the account page, and signs what passes so that a route can tell it came this way. */
export async function middleware(request: NextRequest) {
  const { pathname } = request.nextUrl;
  if (pathname === "/account" && !(await readSession(request.cookies.get(SESSION_COOKIE)?.value))) {
    return NextResponse.redirect(new URL("/", request.url));
  }
  const response = NextResponse.next();
  const secret = process.env["SESSION_SECRET"];
  response.headers.set("x-shop-signature", secret ? await sign(secret, pathname) : "none");
  return response;
}
