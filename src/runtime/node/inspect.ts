import { inspect } from "node:util";
import type { HostInspectOptions } from "../host_types.ts";

/** Shows a value by `node:util`, which quotes text in its own way. */
export function inspectAsDeno(value: unknown, options: HostInspectOptions = {}): string {
  if (typeof value === "string") return JSON.stringify(shortened(value, options.strAbbreviateSize));
  const { depth, iterableLimit, strAbbreviateSize, breakLength, compact, colors } = options;
  return inspect(value, {
    ...depth !== undefined && { depth },
    ...iterableLimit !== undefined && { maxArrayLength: iterableLimit },
    ...strAbbreviateSize !== undefined && { maxStringLength: strAbbreviateSize },
    ...breakLength !== undefined && { breakLength },
    ...compact !== undefined && { compact },
    ...colors !== undefined && { colors },
  });
}

function shortened(text: string, length = 10_000): string {
  return text.length > length ? `${text.slice(0, length)}...` : text;
}
