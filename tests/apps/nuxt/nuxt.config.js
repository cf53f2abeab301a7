export default defineNuxtConfig({
  compatibilityDate: "2026-04-01",
  telemetry: false,
  // Nitro sets it from NUXT_API_TOKEN when the server starts.
  runtimeConfig: { apiToken: "", public: { shop: "Corner" } },
  routeRules: { "/terms": { prerender: true } },
  sourcemap: { server: true, client: true },
  nitro: { cloudflare: { deployConfig: true, nodeCompat: true } },
});
