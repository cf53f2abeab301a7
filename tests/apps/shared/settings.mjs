// What the other modules read the environment through.
export const environment = process.env;
export const setting = (name) => process.env[name];
export const settings = { key: process.env.APP_SETTINGS, all: process.env };
export default process;
