/** Reads YAML, and says of a text that is none what is wrong with it and where. */
import { parse } from "@std/yaml";
import type { ConfigFault } from "./config_error.ts";
import { positionOf, type TextPosition } from "./key_lines.ts";

/** What a text holds, or why it cannot be read. */
export type YamlResult = { readonly document: unknown } | { readonly fault: ConfigFault };

/** Parses a YAML document. @param file path for positions */
export function parseYaml(text: string, file: string): YamlResult {
  const fault = (position: TextPosition, message: string): YamlResult => ({
    fault: { path: [], message, position: { file, ...position } },
  });
  const tab = /^ *\t[ \t]*[^\s#]/m.exec(text);
  if (tab !== null) {
    return fault(positionOf(text, tab.index), "a tab cannot indent in YAML: use spaces");
  }
  try {
    return { document: parse(text) };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const unquoted = UNQUOTED_ADDRESS.exec(text);
    if (unquoted !== null) {
      const [, before = "", address = ""] = unquoted;
      const position = positionOf(text, unquoted.index + before.length);
      return fault(position, `an address in brackets must be quoted: write "${address}"`);
    }
    return fault(...readSyntaxError(error, text));
  }
}

/** `bind: [::1]:1883`, which YAML takes for a list with something behind it. */
const UNQUOTED_ADDRESS = /(^[^#"'\n]*?:[ \t]+)(\[[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(?:%[\w.-]+)?\]:\d+)/m;

const WHERE = / at line (\d+), column (-?\d+):?[\s\S]*$/;

function readSyntaxError(error: SyntaxError, text: string): [TextPosition, string] {
  const [, lineText, columnText] = WHERE.exec(error.message) ?? [];
  const line = Number(lineText ?? 1);
  const source = text.split(/\r\n|\n|\r/)[line - 1] ?? "";
  // The parser may count the column from another line's beginning; the line's own beginning is right at least.
  const column = Number(columnText) >= 1 ? Number(columnText) : source.search(/\S|$/) + 1;
  const reason = error.message.replace(WHERE, "");
  if (!reason.includes("duplicated key")) return [{ line, column }, `not valid YAML: ${reason}`];
  const key = /^\s*(?:- +)*("[^"]*"|'[^']*'|[^\s:]+)\s*:/.exec(source)?.[1];
  return [{ line, column }, `a key may be given only once${key === undefined ? "" : `: got ${key} again`}`];
}
