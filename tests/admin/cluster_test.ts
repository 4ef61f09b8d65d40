/** What the admin API, metrics and the command line say of a cluster. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { main } from "../../src/cli/main.ts";
import { FakeIo, FakeServices } from "../cli/support.ts";
import { Nodes } from "../cluster/nodes.ts";
import { AdminUser, startAdmin } from "./support.ts";

/** Runs `cluster status` with that answer of the admin API. */
async function status(answer: Response, ...args: readonly string[]) {
  const io = new FakeIo();
  const asked: string[] = [];
  const ask = async (url: string) => {
    asked.push(url);
    return { status: answer.status, text: await answer.text() };
  };
  const exitCode = await main(["cluster", "status", ...args], io, Object.assign(new FakeServices(), { ask }));
  return { exitCode, out: io.outLines, errors: io.errorLines, asked };
}

Deno.test("the admin API shows a cluster as the node sees it, metrics have it, and the command line tells it", async () => {
  await using nodes = await Nodes.start(3);
  const [a, , c] = nodes.all;
  const user = new AdminUser(a!, "viewer");
  const shown = await user.get("/cluster");
  assertEquals([shown.name, shown.node, shown.nodes, shown.cutOff], [nodes.name, "a", ["a", "b", "c"], false]);
  assertEquals(shown.links.map(({ node, connected }: { node: string; connected: boolean }) => [node, connected]), [
    ["b", true],
    ["c", true],
  ]);
  const ownersOf = async () => {
    const { shards } = await user.get("/cluster");
    return Map.groupBy(shards, ({ owner }: { owner: string | null }) => owner);
  };
  await nodes.shardsShared("a", "b", "c");
  const countOf = (node: string | null, owners: Awaited<ReturnType<typeof ownersOf>>) => owners.get(node)!.length;
  const owners = await ownersOf();
  assert(shown.logPosition >= 3 && shown.links[0].sentBytes > 0);
  const { body } = a!.broker.observability.metrics(null);
  assertStringIncludes(body, "amqtt_cluster_nodes 3");
  assertStringIncludes(body, 'amqtt_cluster_link_up{peer="c"} 1');
  assertStringIncludes(body, `amqtt_cluster_shards ${countOf("a", owners)}\n`);
  assertStringIncludes(body, "amqtt_cluster_shards_ownerless 0\n");
  assertEquals(/^amqtt_cluster_shard_handovers_total (\d+)$/m.exec(body)?.[1] !== "0", true);
  const told = await status(await user.ask("/cluster"), "http://node:1/admin");
  assertEquals([told.exitCode, told.asked], [0, ["http://node:1/admin/api/v1/cluster"]]);
  assertEquals(told.out[0], `cluster ${nodes.name}, seen by node a: 3 live (a, b, c)`);
  const parts = ["a", "b", "c"].map((node) => `${node} owns ${countOf(node, owners)}`);
  assertEquals(told.out[2], `shards: ${parts.join(", ")}`);
  assertStringIncludes(told.out[4]!, "link to c: linked");
  await c!.broker.shutdown();
  await nodes.pass(1000);
  assertEquals((await user.get("/cluster")).nodes, ["a", "b"]);
  await nodes.shardsShared("a", "b");
  assertEquals([...(await ownersOf()).keys()].sort(), ["a", "b"]);
  nodes.silence("a", "b");
  await nodes.pass(6000);
  const cut = await status(await user.ask("/cluster"));
  assertEquals(cut.exitCode, 1);
  assertStringIncludes(cut.out[1]!, "cut off");
  nodes.silence();
  await nodes.pass(3000);
});

Deno.test("without a cluster there is none to show, and who has no token is told how to get one", async () => {
  const { broker, user } = await startAdmin({ role: "viewer" });
  await using _ = broker;
  assertEquals((await user.ask("/cluster")).status, 404);
  const refused = await status(new Response("", { status: 401 }));
  assertEquals(refused.exitCode, 1);
  assertStringIncludes(refused.errors.join(), "--token-file");
  assertEquals((await status(new Response(""), "ftp://x")).exitCode, 2);
});
