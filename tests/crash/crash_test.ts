import { assert, assertEquals } from "@std/assert";
import { runBridge } from "./bridge_run.ts";
import { runCrashes } from "./crash_run.ts";
import { runFaults } from "./faulty_run.ts";

Deno.test("Nothing that was acknowledged is lost when the broker is killed and the clock is set", async () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  const folder = await Deno.makeTempDir();
  try {
    const { faults, figures } = await runCrashes({ kills: 5, seed, folder });
    assertEquals(faults, [], `seed ${seed}`);
    assert(figures.acknowledged > 100, `seed ${seed}: only ${figures.acknowledged} messages were acknowledged`);
    assert(figures.clockSteps > 0, `seed ${seed}: the clock was never set`);
  } catch (error) {
    throw new Error(`seed ${seed}`, { cause: error });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("Nothing that was acknowledged is lost when the store fails and then the broker", async () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  const { faults, figures } = await runFaults({ crashes: 5, seed });
  assertEquals(faults, [], `seed ${seed}`);
  assert(figures.acknowledged > 100, `seed ${seed}: only ${figures.acknowledged} messages were acknowledged`);
});

Deno.test("A bridge loses nothing and doubles nothing while both sides are killed and the link is cut and frozen", async () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  const folder = await Deno.makeTempDir();
  try {
    const { faults, figures } = await runBridge({ kills: 5, cuts: 5, seed, folder });
    assertEquals(faults, [], `seed ${seed}`);
    assert(figures.acknowledged > 100, `seed ${seed}: only ${figures.acknowledged} messages were acknowledged`);
  } catch (error) {
    throw new Error(`seed ${seed}`, { cause: error });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
