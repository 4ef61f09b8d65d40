/** What libraries for schemas have agreed on (https://standardschema.dev), so that options can be checked by any of them. */

/** A schema of zod, valibot, arktype or another library. `Input` is what may be written, `Output` what comes of it. */
export interface StandardSchema<Input = unknown, Output = Input> {
  /** What the library has to offer. */
  readonly "~standard": {
    /** Version of the agreement. */
    readonly version: 1;
    /** Name of the library. */
    readonly vendor: string;
    /** Reads a value, or says what is wrong with it. */
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
    /** For the compiler alone. */
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** A value that was read, or what is wrong with it. */
export type StandardResult<Output> =
  | {
    /** The value. */
    readonly value: Output;
    /** Not there. */
    readonly issues?: undefined;
  }
  | {
    /** At least one. */
    readonly issues: readonly StandardIssue[];
  };

/** What is wrong with a value. */
export interface StandardIssue {
  /** For people. */
  readonly message: string;
  /** Which part of the value; `undefined`: all of it. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/**
 * Reads a value by a schema.
 *
 * @throws {Error} that says what is wrong, all parts of it: `options.greeting: …`
 */
export async function readBySchema<Output>(
  schema: StandardSchema<unknown, Output>,
  value: unknown,
  name: string,
): Promise<Output> {
  const result = await schema["~standard"].validate(value);
  if (result.issues === undefined) return result.value;
  throw new Error(result.issues.map(({ path, message }) => `${pathOf(name, path)}: ${message}`).join("; "));
}

function pathOf(name: string, path: StandardIssue["path"] = []): string {
  return path.reduce<string>((whole, part) => {
    const key = typeof part === "object" ? part.key : part;
    return typeof key === "number" ? `${whole}[${key}]` : `${whole}.${String(key)}`;
  }, name);
}
