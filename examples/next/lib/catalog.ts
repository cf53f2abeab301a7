/** Prices in cents. */
const PRICES: Record<string, number> = { mug: 1200, shirt: 2500, poster: 800 };

export const ITEMS = Object.keys(PRICES);

export function priceOf(item: string): number {
  const price = PRICES[item];
  if (price === undefined) throw new Error(`no such item: ${item}`);
  return price;
}
