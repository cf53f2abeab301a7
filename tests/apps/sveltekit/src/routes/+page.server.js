export const load = () => ({ length: process.env.APP_LOADER?.length ?? 0 });
