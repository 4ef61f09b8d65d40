import { assertEquals, assertThrows } from "@std/assert";
import { ConfigError } from "../../src/config/config_error.ts";
import { resolveConfig } from "../../src/config/resolve.ts";
import { filterOf } from "../../src/packet/topic_pattern.ts";

const resolve = (house: unknown) => resolveConfig({ bridges: { house } }, { baseDirectory: "/base" });
const topics = [{ filter: "a" }];

const faults: readonly [what: unknown, text: string][] = [
  [{ topics }, "bridges.house: needs an address"],
  [{ address: "a" }, "bridges.house: needs topics"],
  [{ address: "a:0", topics }, "bridges.house.address: port must be 1 to 65535"],
  [{ address: "a", topics: [{ direction: "in" }] }, "bridges.house.topics[0]: needs a filter"],
  [{ address: "a", topics: [{ filter: "a/#/b" }] }, 'bridges.house.topics[0].filter: "#" must be the last level'],
  [{ address: "a", topics: [{ filter: "+", remote: "b/$2" }] }, "bridges.house.topics[0].remote: $2 must be one of"],
  [
    { address: "a", topics: [{ filter: "+/+", remote: "b/$1", direction: "both" }] },
    "bridges.house.topics[0].remote: must have each wildcard of the filter once",
  ],
  [
    { address: "a", topics: [{ filter: "a", remotePrefix: "$SYS/" }] },
    "bridges.house.topics[0]: would publish to $SYS/a",
  ],
  [{ address: "a", keyfile: "k", ssl: true, topics }, "bridges.house.keyfile: needs certfile"],
  [{ address: "a", version: "4", topics }, 'bridges.house.version: must be auto, 5 or 3.1.1: got "4"'],
];

for (const [config, text] of faults) {
  Deno.test(`a bridge's fault is told with its place: ${text}`, () => {
    const { message } = assertThrows(() => resolve(config), ConfigError);
    assertEquals(message.includes(text), true, message);
  });
}

Deno.test("a bridge has the default port of its transport, and what its preset says unless the config says otherwise", () => {
  const { bridges } = resolve({ address: ["a", "b:1"], preset: "aws-iot", bridgeBit: true, topics });
  const { addresses, maximumQos, bridgeBit, tls } = bridges[0]!;
  assertEquals(addresses, [{ hostname: "a", port: 8883 }, { hostname: "b", port: 1 }]);
  assertEquals([maximumQos, bridgeBit, tls !== undefined], [1, true, true]);
});

Deno.test("prefixes and captures make the filters of both sides", () => {
  const { bridges } = resolve({
    address: "a",
    topics: [{ filter: "x/#", localPrefix: "l/", remotePrefix: "r/" }, { filter: "m/+/#", remote: "d/$1/$2" }],
  });
  const filters = bridges[0]!.topics.map(({ local, remote }) => [filterOf(local), filterOf(remote)] as string[]);
  assertEquals(filters, [["l/x/#", "r/x/#"], ["m/+/#", "d/+/#"]]);
});

Deno.test("topics that overlap with direction both are warned of", () => {
  const { warnings } = resolve({ address: "a", topics: [{ filter: "a/#", direction: "both" }, { filter: "a/b" }] });
  assertEquals(warnings.some((warning) => warning.includes("a/b overlaps a/# with direction both")), true);
});
