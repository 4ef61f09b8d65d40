// What this project uses of @std/yaml, from the npm copy of the same code.
import * as yaml from "npm:deno-std@1.4.0/yaml/parse.js";

/** Parses one YAML document. Throws `SyntaxError` on a fault. */
export const parse: (text: string) => unknown = yaml.parse;
