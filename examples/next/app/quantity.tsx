"use client";

import { useState } from "react";

/** Runs in the browser: it may read the one public variable and nothing else. */
export function Quantity() {
  const [count, setCount] = useState(1);
  return (
    <p>
      <button type="button" onClick={() => setCount(count + 1)}>
        one more
      </button>
      <input name="count" value={count} readOnly /> from {process.env.NEXT_PUBLIC_SHOP_NAME ?? "a small shop"}
    </p>
  );
}
