import type { ListenerValues } from "./schema.ts";
import type { Section } from "./section.ts";

/** A listener on the way from what its section says to what holds. */
export interface Draft {
  readonly name: string;
  /** What its own section says. */
  readonly own: Section<ListenerValues>;
  /** With what it inherits from `default`; `bind` is never inherited. */
  readonly merged: ListenerValues;
  /** It is `default` and there are others that inherit from it. */
  readonly isTemplate: boolean;
}
