/** Connections between nodes that know different lives of each other, and nodes that do not know what others want. */
import { assertEquals } from "@std/assert";
import { Connections } from "../../src/cluster/connections.ts";
import type { Link } from "../../src/cluster/link.ts";
import { RemoteRoutes } from "../../src/cluster/remote_node.ts";
import { hashOf } from "../../src/cluster/routes.ts";
import { parseTopicFilter, parseTopicName } from "../../src/packet/topic.ts";
import { Subscriptions } from "../../src/topics/subscriptions.ts";
import { memoryPair } from "../../src/transport/memory.ts";
import type { Transport } from "../../src/transport/transport.ts";

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

/** A node's connections, and the link that it has to the life of another. */
function makeNode(node: string, incarnation: number, peer: Link["peer"], dial: () => Transport) {
  const seen = { served: 0, succeeded: 0 };
  let take: (transport: Transport) => void = () => {};
  const connections = new Connections({
    cluster: "x",
    carrier: {
      address: node,
      accept: (given) => void (take = given),
      dial: () => Promise.resolve(dial()),
      close: () => Promise.resolve(),
    },
    detours: { accept() {}, dial: () => memoryPair()[0] },
    logger: quiet,
    life: () => ({ node, incarnation }),
    // Nothing is tried again.
    after: () => () => {},
  });
  const link = {
    peer,
    get ended() {
      return seen.served > 0;
    },
    succeed: () => seen.succeeded++ && 0,
    serve: (transport: Transport) => {
      seen.served++;
      transport.close();
      return Promise.resolve();
    },
  } as unknown as Link;
  return { connections, link, seen, take: (transport: Transport) => take(transport) };
}

Deno.test("what a node has of an earlier life of another is no acknowledgement to the later one", async () => {
  for (const [meant, is] of [[1, 1], [1, 2]] as const) {
    const b = makeNode("b", is, { node: "a", incarnation: 1 }, () => {
      throw new Error("b does not dial");
    });
    const a = makeNode("a", 1, { node: "b", incarnation: meant }, () => {
      const [here, there] = memoryPair();
      b.take(there);
      return here;
    });
    b.connections.add(b.link, "a");
    a.connections.add(a.link, "b");
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    await Promise.all([a.connections.close(), b.connections.close()]);
    assertEquals(b.seen, meant === is ? { served: 1, succeeded: 1 } : { served: 0, succeeded: 0 });
  }
});

Deno.test("a node that was there before is given everything until it has told what its clients want", () => {
  const link = { ended: false, connected: true, isFull: false } as unknown as Link;
  const routesTo = (subscriptions: Subscriptions) => subscriptions.match(parseTopicName("t/1")).routes.length;
  const filters = [["t/#", 1], ["other", 0], ["#", 1]] as const;
  for (const [text, count] of filters) {
    const subscriptions = new Subscriptions();
    const routes = new RemoteRoutes(link, subscriptions, true);
    assertEquals(routesTo(subscriptions), 1);
    const route = { topicFilter: parseTopicFilter(text), shareName: undefined, weight: 1 };
    routes.take([route], true);
    assertEquals(routes.agrees(2, 0), false);
    assertEquals(routesTo(subscriptions), 1);
    assertEquals(routes.agrees(1, hashOf(route)), true);
    assertEquals(routesTo(subscriptions), count, text);
    for (const _ of routes.remove());
    assertEquals(routesTo(subscriptions), 0);
  }
  const subscriptions = new Subscriptions();
  for (const _ of new RemoteRoutes(link, subscriptions, true).remove());
  assertEquals(routesTo(subscriptions), 0);
});
