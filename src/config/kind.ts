/**
 * What a kind of value is: it reads a value, or says in one sentence what it expects and what it got; and it says in JSON
 * Schema what an editor may offer and mark. That may be looser than what is read, and never stricter.
 */
import { z } from "zod";

/** A JSON Schema (draft 7), or a part of one. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** What the values of a key have in common. `Input` is what a program may write. */
export interface Kind<Output, Input = Output> {
  readonly schema: z.ZodType<Output, Input>;
  readonly json: JsonSchema;
}

/** What is wrong with a value; `path` leads from the value to the part at fault. */
export interface Complaint {
  readonly message: string;
  readonly path?: (string | number)[];
}

/** Tells what is wrong. */
export type Complain = (complaint: Complaint) => void;

/** A kind made of one function, which returns the value or calls `complain`. */
export function value<Output, Input = Output>(
  json: JsonSchema,
  read: (input: unknown, complain: Complain) => Output | undefined,
): Kind<Output, Input> {
  const schema = z.transform((input, context): Output => {
    const complaints: Complaint[] = [];
    const output = read(input, (complaint) => complaints.push(complaint));
    for (const { message, path } of complaints) context.issues.push({ code: "custom", message, path, input });
    return complaints.length > 0 || output === undefined ? z.NEVER : output;
  });
  return { schema: schema as unknown as z.ZodType<Output, Input>, json };
}

/** A text that is not empty. */
export const TEXT = { type: "string", minLength: 1 };

/** A text with a variable in it, which an editor has to let pass, whatever it may hold. */
export const WITH_VARIABLE = { type: "string", pattern: "\\$\\{" };

/** A text of this form, or with a variable in it. */
export function like(pattern: string): JsonSchema {
  return { type: "string", pattern: `${pattern}|${WITH_VARIABLE.pattern}` };
}

/** A value that is read elsewhere: a section of its own, or the options of somebody else. */
export function elsewhere<Input>(json: JsonSchema): Kind<unknown, Input> {
  return { schema: z.unknown() as z.ZodType<unknown, Input>, json };
}
