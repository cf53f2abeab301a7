// A Worker that runs the vector checks: POST a vector file, get an array of {case, fault}.
import { check } from "./index.js";

export default {
  async fetch(request) {
    return Response.json(check(await request.json()));
  },
};
