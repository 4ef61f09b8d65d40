/** A store module whose store a test hands over as an option; see `House` in durable_broker.ts. */
import type { Store } from "../../src/store/store.ts";

export default function create({ store }: Readonly<Record<string, unknown>>): Store {
  return store as Store;
}
