/** What requests are made of. */
import { z } from "zod";

/** No field at all. */
export const nothing = z.strictObject({});

const longestText = 65_535;

/** A client identifier. */
export const clientIdentifier = z.string().max(longestText);

/** A topic name or filter; what is wrong with it is said by who parses it. */
export const topic = z.string().min(1).max(longestText);

/** A quality of service. */
export const qos = z.union([z.literal(0), z.literal(1), z.literal(2)]).default(0);

/** A text that is looked for. */
export const search = z.string().max(1000).optional();

/** `true` or `false` in a query. */
export const flag = z.enum(["true", "false"]).transform((word) => word === "true").optional();

/** How many items are wanted. */
export const limit = z.coerce.number().int().min(1).max(1000).default(50);

/** What every list takes, and by what it can be sorted. */
export function listQuery<const Sorts extends readonly [string, ...string[]], Shape extends z.core.$ZodLooseShape>(
  sorts: Sorts,
  shape: Shape,
) {
  return z.strictObject({
    limit,
    cursor: z.string().max(200_000).optional(),
    search,
    sort: z.enum(sorts).default(sorts[0] as never),
    order: z.enum(["asc", "desc"]).default("asc"),
    ...shape,
  });
}
