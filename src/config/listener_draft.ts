import type { Resolved } from "./key.ts";
import type { ListenerValues } from "./schema.ts";
import type { Section } from "./section.ts";
import type { limitKeys } from "./limit_table.ts";
import type { listenerKeys } from "./table.ts";

/** What holds for a listener; of the limits what it or `default` says. */
export type MergedValues = Resolved<typeof listenerKeys> & Partial<Resolved<typeof limitKeys>>;

/** A listener on the way from what its section says to what holds. */
export interface Draft {
  readonly name: string;
  /** What its own section says. */
  readonly own: Section<ListenerValues>;
  /** With what it inherits from `default`, `bind` excepted, and with the defaults. */
  readonly merged: MergedValues;
  /** It is `default` and there are others that inherit from it. */
  readonly isTemplate: boolean;
}
