// The same, handed on from `node:process`.
export { env as handed, default as runtime } from "node:process";
