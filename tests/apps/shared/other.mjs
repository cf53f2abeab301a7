// Reads through another module. Bundlers put that one into a chunk of its own once two entries load it.
import { digests } from "./digest.mjs";
import imported, { environment, setting, settings } from "./settings.mjs";

const probes = {
  imported_alias: () => environment.APP_IMPORTED_ALIAS,
  imported_pattern: () => {
    const { APP_IMPORTED_PATTERN: key } = environment;
    return key;
  },
  imported_function: () => setting("APP_IMPORTED_FUNCTION"),
  imported_object: () => settings.key,
  imported_whole: () => settings.all.APP_IMPORTED_WHOLE,
  imported_process: () => imported.env.APP_IMPORTED_PROCESS,
};

export const answers = () => digests(probes);
