import { formatKeyPath, type KeyPath } from "./key_path.ts";

/**
 * A place in a config file; line and column count from 1.
 *
 * @category Config
 */
export interface Position {
  /** Path of the file as it was given. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units. */
  readonly column: number;
}

/**
 * One thing that is wrong with a config.
 *
 * @category Config
 */
export interface ConfigFault {
  /** The key at fault in the config's own spelling; empty: the config as a whole. */
  readonly path: KeyPath;
  /** What is wrong, what was expected, and what was found. */
  readonly message: string;
  /** `key`: the key itself is wrong, such as an unknown one. @default "value" */
  readonly at?: "key" | "value";
  /** Where it stands; `undefined` if the config did not come from a file. */
  readonly position?: Position;
}

/**
 * A config that cannot be used, with every fault that was found. The message has one line for each:
 * `broker.yaml:7:11: listeners.my-tcp-1.bind: port must be 0 to 65535: got 70000`.
 *
 * @category Config
 */
export class ConfigError extends Error {
  /** Tells it from other errors. */
  override readonly name = "ConfigError";
  /** Everything that is wrong, at least one fault. */
  readonly faults: readonly ConfigFault[];

  /** Makes the message of the faults. @param faults at least one */
  constructor(faults: readonly ConfigFault[]) {
    super(faults.map(formatFault).join("\n"));
    this.faults = faults;
  }
}

/** Writes one fault as a line. */
export function formatFault(fault: ConfigFault): string {
  const { position } = fault;
  const place = position === undefined ? "" : `${formatPosition(position)}: `;
  const path = fault.path.length === 0 ? "" : `${formatKeyPath(fault.path)}: `;
  return `${place}${path}${fault.message}`;
}

/** Writes `file:line:column`. */
export function formatPosition({ file, line, column }: Position): string {
  return `${file}:${line}:${column}`;
}
