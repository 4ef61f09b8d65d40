import { key } from "../config/key.ts";
import { anonymity } from "../config/values.ts";

/** Options of `auth.anonymous`, which may stand in the section `auth`, too. */
export const authAnonymousOptions = {
  allowAnonymous: key(
    "lets clients without a user name in; `any-username`: those with one, too, unverified",
    anonymity,
    { shown: "true if auth.anonymous is listed, else false" },
  ),
} as const;
