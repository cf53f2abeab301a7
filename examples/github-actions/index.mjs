// Prints the signature of its argument. The build replaces the read of the variable by its value.
import { createHmac } from "node:crypto";

console.log(createHmac("sha256", process.env.SIGNING_KEY).update(process.argv[2]).digest("hex"));
