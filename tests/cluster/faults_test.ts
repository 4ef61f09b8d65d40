/** A cluster whose nodes and links fail at random keeps what it promises; `deno task cluster:faults` runs more of it. */
import { assertEquals } from "@std/assert";
import { natsInstalled } from "../log/nats_servers.ts";
import { FaultsRun } from "./faults.ts";

const FAULTS = 20;

Deno.test({
  name:
    "with nodes killed and stopped and links cut nothing acknowledged is lost or doubled, and all nodes retain the same",
  ignore: !natsInstalled,
  async fn() {
    const seed = Math.floor(Math.random() * 2 ** 31);
    const { broken, figures } = await new FaultsRun({ seed, log: () => {} }).run(FAULTS);
    assertEquals(broken, [], `seed ${seed}: ${JSON.stringify(figures)}`);
  },
});
