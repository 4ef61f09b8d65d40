import { assertEquals } from "@std/assert";
import { ListenerCounts } from "../../src/broker/listener_counts.ts";

Deno.test("listeners that the config does not know share one count, however many they are", () => {
  const counts = new ListenerCounts(["tcp"]);
  counts.of("tcp").refused++;
  for (let i = 0; i < 100; i++) counts.of(`made up ${i}`).accepted++;
  assertEquals([...counts], [["tcp", { accepted: 0, refused: 1 }], ["others", { accepted: 100, refused: 0 }]]);
});
