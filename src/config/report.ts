import type { ConfigFault } from "./config_error.ts";
import { formatKeyPath, type KeyPath } from "./key_path.ts";

/** Gathers what is wrong and what looks wrong, so that all of it is told at once. */
export class Report {
  /** In the order of discovery. */
  readonly faults: ConfigFault[] = [];
  /** As `key.path: text`. */
  readonly warnings: string[] = [];

  /** Notes a value that cannot be used. */
  fault(path: KeyPath, message: string): void {
    this.faults.push({ path, message });
  }

  /** Notes a key that should not be there. */
  keyFault(path: KeyPath, message: string): void {
    this.faults.push({ path, message, at: "key" });
  }

  /** Notes what is allowed but looks like a mistake. */
  warn(path: KeyPath, message: string): void {
    this.warnings.push(`${formatKeyPath(path)}: ${message}`);
  }

  /** Tells whether something at this path or below it is wrong already, so that nothing should be concluded from it. */
  isFaulty(path: KeyPath): boolean {
    return this.faults.some((fault) => path.every((step, i) => fault.path[i] === step));
  }
}

const LONGEST_SHOWN = 80;

/** Writes a value that was found where another was expected. */
export function show(value: unknown): string {
  const text = value === undefined || typeof value === "function" ? String(value) : stringify(value);
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text;
}

/** JSON, except that a number stays one: `.inf` and `.nan` are no JSON. */
function stringify(value: unknown): string {
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "symbol") return String(value);
  return JSON.stringify(value) ?? String(value);
}

/**
 * What to do about a list of mappings with one key each, where one mapping is expected: `: did you mean …?`, or nothing if
 * the value is no such list.
 */
export function suggestMapping(value: unknown): string {
  if (!Array.isArray(value) || value.length === 0) return "";
  const keys = value.map((item: unknown) => typeof item === "object" && item !== null ? Object.keys(item) : []);
  if (!keys.every(({ length }) => length === 1)) return "";
  return `: did you mean one mapping, without the "-" before ${keys.map(([key]) => key).join(", ")}?`;
}
