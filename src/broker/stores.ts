import type { ResolvedConfig } from "../config/config.ts";
import { importModule } from "../hooks/loader.ts";
import type { Logger } from "../logger.ts";
import type { Store, StoreFactory } from "../store/store.ts";
import { errorText } from "../error_text.ts";

/**
 * Makes the store that the config names; nothing is opened yet.
 *
 * @returns `undefined` if nothing is to outlive the process
 * @throws {Error} if a store module cannot be loaded or makes no store, or the database is a link that leads nowhere
 */
export async function createStore(
  { persistence, baseDirectory }: Pick<ResolvedConfig, "persistence" | "baseDirectory">,
  logger: Logger,
): Promise<Store | undefined> {
  if (persistence.type === "memory") return undefined;
  if (persistence.type === "sqlite") {
    const { createSqliteStore } = await import("../store/sqlite/load.ts");
    return await createSqliteStore(persistence);
  }
  const { specifier, options } = persistence;
  try {
    const module = await importModule(specifier, { bundled: {}, baseDirectory });
    const factory = (module as { default?: unknown }).default;
    if (typeof factory !== "function") throw new Error("its default export must be a function that returns a store");
    const store = await (factory as StoreFactory)(options, { baseDirectory, logger });
    for (const method of ["open", "append", "deliveries", "close"] as const) {
      if (typeof store?.[method] !== "function") throw new Error(`its store must have a method ${method}`);
    }
    return store;
  } catch (cause) {
    const reason = errorText(cause);
    throw new Error(`persistence.type: cannot load store ${JSON.stringify(specifier)}: ${reason}`, { cause });
  }
}
