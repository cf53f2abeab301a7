const here = import.meta.dirname;
const maps = process.env.SOURCE_MAPS === "1";

/** @type {import("next").NextConfig} */
export default {
  output: process.env.STANDALONE === "1" ? "standalone" : undefined,
  // Without these Next takes the folder of the outermost lockfile for the root.
  outputFileTracingRoot: here,
  turbopack: { root: here },
  productionBrowserSourceMaps: maps,
  experimental: { serverSourceMaps: maps },
};
