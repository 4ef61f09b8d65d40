import type { ResolvedConfig } from "../config/config.ts";
import { importModule } from "../hooks/loader.ts";
import type { Logger } from "../logger.ts";
import type { Store, StoreContext, StoreFactory } from "../store/store.ts";
import { errorText } from "../error_text.ts";

/**
 * Makes the store that the config names; nothing is opened yet.
 *
 * @returns `undefined` if nothing is to outlive the process
 * @throws {Error} if a store module cannot be loaded, or a factory makes no store, or the database is a link that leads nowhere
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
  const { options } = persistence;
  if (persistence.type === "in-place") {
    const { store } = persistence;
    // Both have the types of the room below, which know no stores.
    if (typeof store !== "function") return store as Store;
    try {
      return await make(store as StoreFactory, options, { baseDirectory, logger });
    } catch (cause) {
      throw new Error(`persistence.store: cannot make the store: ${errorText(cause)}`, { cause });
    }
  }
  const { specifier } = persistence;
  try {
    const module = await importModule(specifier, { bundled: {}, baseDirectory });
    const factory = (module as { default?: unknown }).default;
    if (typeof factory !== "function") throw new Error("its default export must be a function that returns a store");
    return await make(factory as StoreFactory, options, { baseDirectory, logger });
  } catch (cause) {
    const reason = errorText(cause);
    throw new Error(`persistence.type: cannot load store ${JSON.stringify(specifier)}: ${reason}`, { cause });
  }
}

async function make(
  factory: StoreFactory,
  options: Readonly<Record<string, unknown>>,
  context: StoreContext,
): Promise<Store> {
  const store = await factory(options, context);
  for (const method of ["open", "append", "deliveries", "close"] as const) {
    if (typeof store?.[method] !== "function") throw new Error(`its store must have a method ${method}`);
  }
  return store;
}
