/** Reading the options of a bundled plugin. */

/**
 * Checks that options are a mapping of known names.
 *
 * @param known what the plugin says of them, by names in camelCase
 * @throws {Error} that names what is not known
 */
export function readOptions<Name extends string>(
  options: unknown,
  known: Readonly<Record<Name, unknown>>,
): Partial<Record<Name, unknown>> {
  if (options === undefined || options === null) return {};
  if (typeof options !== "object" || Array.isArray(options)) {
    throw new Error(`options must be a mapping of names to values: got ${show(options)}`);
  }
  const names = Object.keys(known);
  for (const name of Object.keys(options)) {
    if (names.includes(name)) continue;
    throw new Error(`unknown option ${name}: known are ${names.length === 0 ? "none" : names.join(", ")}`);
  }
  return options as Partial<Record<Name, unknown>>;
}

/** A value in an error's words; short, and without line breaks. */
export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
