// For runtimes without `require`.
export const probes = {};
