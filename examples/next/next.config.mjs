const here = import.meta.dirname;
const sourceMaps = process.env.NEXT_SOURCE_MAPS === "1";

/** @type {import("next").NextConfig} */
export default {
  output: process.env.NEXT_OUTPUT === "standalone" ? "standalone" : undefined,
  // Without these Next takes the folder of the outermost lockfile for the root.
  outputFileTracingRoot: here,
  turbopack: { root: here },
  productionBrowserSourceMaps: sourceMaps,
  experimental: { serverSourceMaps: sourceMaps },
};
