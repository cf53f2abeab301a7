import { connection } from "next/server";
import { ITEMS } from "@/lib/catalog";
import { database } from "@/lib/database";
import { paymentMode } from "@/lib/payments";
import { placeOrder } from "./actions";
import { Quantity } from "./quantity";

export default async function Shop() {
  await connection();
  const owner = process.env[`SHOP_OWNER_EMAIL`] ?? "nobody";
  return (
    <main>
      <h1>A small shop</h1>
      <p id="database">{`orders are kept at ${database.place}`}</p>
      <p id="payments">{`payments are ${paymentMode()}, in ${process.env.SHOP_CURRENCY || "EUR"}`}</p>
      <p id="owner">{`run by someone at ${owner.split("@").at(-1)}`}</p>
      <form action={placeOrder}>
        <select name="item">
          {ITEMS.map((item) => (
            <option key={item}>{item}</option>
          ))}
        </select>
        <Quantity />
        <input name="email" type="email" />
        <button>order</button>
      </form>
    </main>
  );
}
