import type { NextRequest } from "next/server";
import { priceOf } from "@/lib/catalog";
import { database } from "@/lib/database";
import { idempotencyKey, paymentMode } from "@/lib/payments";

export function GET(request: NextRequest) {
  const { SHOP_CURRENCY: currency = "EUR" } = process.env;
  const item = request.nextUrl.searchParams.get("item") ?? "mug";
  return Response.json({
    item,
    price: `${(priceOf(item) / 100).toFixed(2)} ${currency}`,
    mode: paymentMode(),
    idempotencyKey: idempotencyKey(item),
    database: database.place,
  });
}
