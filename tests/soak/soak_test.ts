import { assert, assertEquals } from "@std/assert";
import { runSoak } from "./soak_run.ts";

for (const persistence of ["memory", "sqlite"] as const) {
  Deno.test(`After clients have come and gone nothing of them is left, persistence: ${persistence}`, async () => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    const { faults, lives } = await runSoak({ seconds: 8, persistence, seed, clients: 3 });
    assertEquals(faults, [], `seed ${seed}`);
    assert(lives > 50, `seed ${seed}: only ${lives} clients have lived`);
  });
}
