import { testStore } from "@amqtt/broker/testing";
import { FileStore } from "./store.ts";

async function createPlace() {
  const folder = await Deno.makeTempDir();
  return {
    create: () => new FileStore(`${folder}/store`),
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

for (const { name, run } of testStore(createPlace)) Deno.test(`the store: ${name}`, run);
