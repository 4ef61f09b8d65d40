import { assertEquals } from "@std/assert";
import { PacketCounts } from "../../src/connection/packet_counts.ts";
import { PacketType } from "../../src/packet/packets.ts";

Deno.test("Packets are added up beyond what 32 bits hold, however often somebody looks", () => {
  const counts = new PacketCounts();
  counts.running[PacketType.Publish] = 0xffff_fffe;
  assertEquals(counts.total()[PacketType.Publish], 0xffff_fffe);
  for (let i = 0; i < 3; i++) counts.running[PacketType.Publish]!++;
  assertEquals(counts.total()[PacketType.Publish], 0x1_0000_0001);
  assertEquals(counts.total()[PacketType.Publish], 0x1_0000_0001);
  assertEquals(counts.total()[PacketType.Pingreq], 0);
});
