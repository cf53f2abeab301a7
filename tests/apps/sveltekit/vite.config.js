import { sveltekit } from "@sveltejs/kit/vite";
import { defineConfig } from "vite";

// A Worker has no `require`.
const required = process.env.ADAPTER === "cloudflare" ? "none.mjs" : "common.cjs";

export default defineConfig({
  plugins: [sveltekit()],
  resolve: { alias: { "#required": `${import.meta.dirname}/shared/${required}` } },
  build: { sourcemap: true },
});
