/** What every store must do. */
import { messagesCases } from "./store_messages.ts";
import { namesCases } from "./store_names.ts";
import type { StoreCase, StorePlace } from "./store_samples.ts";
import { sessionsCases } from "./store_sessions.ts";

export type { StoreCase, StorePlace } from "./store_samples.ts";

/**
 * The contract that every store has to keep, as tests for any test runner.
 *
 * @param createPlace makes a place for stores that nobody else uses; called once for each test that runs
 * @returns the tests; none of them runs before it is called
 * @category Testing
 *
 * @example With Deno, where `MyPlace` is a class of yours
 * ```text
 * import { testStore } from "@amqtt/broker/testing";
 *
 * for (const { name, run } of testStore(() => new MyPlace())) Deno.test(`my store: ${name}`, run);
 * ```
 */
export function testStore(createPlace: () => StorePlace | Promise<StorePlace>): StoreCase[] {
  const cases = { ...sessionsCases, ...messagesCases, ...namesCases };
  return Object.entries(cases).map(([name, body]) => ({
    name,
    async run() {
      await using place = await createPlace();
      await body(place);
    },
  }));
}
