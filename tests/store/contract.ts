/** Registers the published contract of a store as tests of its own. */
import { type StorePlace, testStore } from "../../src/testing/store_contract.ts";

export * from "../../src/testing/store_samples.ts";

/** Runs the contract's tests; `name` begins their titles. */
export function storeContract(name: string, createPlace: () => Promise<StorePlace>): void {
  for (const { name: title, run } of testStore(createPlace)) Deno.test(`${name}: ${title}`, run);
}
