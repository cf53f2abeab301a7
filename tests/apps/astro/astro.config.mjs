// One app, two platforms: the variant's build says which.
import { defineConfig, envField } from "astro/config";

const { default: adapter } = await import(`@astrojs/${process.env.ADAPTER}`);
const options = { node: { mode: "standalone" } };
// A Worker has no `require`.
const required = process.env.ADAPTER === "cloudflare" ? "none.mjs" : "common.cjs";
const secret = () => envField.string({ context: "server", access: "secret", optional: true });

export default defineConfig({
  output: "server",
  adapter: adapter(options[process.env.ADAPTER] ?? {}),
  env: { schema: { APP_FRAMEWORK: secret(), APP_FRAMEWORK_PATTERN: secret() } },
  vite: {
    resolve: { alias: { "#required": `${import.meta.dirname}/shared/${required}` } },
    build: { sourcemap: true },
  },
});
