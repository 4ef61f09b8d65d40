import { assert, assertEquals } from "@std/assert";
import {
  authQuantities,
  brokerQuantities,
  defaultLimits,
  formatQuantity,
  keyEntries,
  limitQuantities,
  listenerQuantities,
  type Quantity,
} from "../../src/config/keys.ts";
import {
  authSchema,
  brokerSchema,
  listenerSchema,
  persistenceSchema,
  topicCheckSchema,
} from "../../src/config/schema.ts";
import { toHyphens } from "../../src/config/spelling.ts";
import { faults, listener, resolved } from "./support.ts";

Deno.test("without a config there is one listener on loopback, and every limit has its default", () => {
  for (const nothing of [undefined, null, {}, { listeners: null }, { listeners: {} }]) {
    const config = resolved(nothing);
    assertEquals(config.listeners, [{
      name: "default",
      type: "tcp",
      hostname: "127.0.0.1",
      port: 1883,
      usernameFromCertificate: "off",
      maxConnections: 0,
      limits: defaultLimits,
    }]);
    assertEquals(config.limits, {
      connectTimeout: 10,
      maxPacketSize: 16_777_216,
      maxInflight: 1000,
      maxOutboundBytes: 16_777_216,
      maxInboundBytes: 33_554_432,
      maxSubscriptions: 20_000,
      queueLimit: 10_000,
      queueLimitBytes: 67_108_864,
      queueQos0: true,
      queuePolicy: "drop-oldest",
      stallTimeout: 60,
      sessionExpiryInterval: 604_800,
      maxSessionExpiryInterval: 4_294_967_295,
      maxKeepAlive: 0,
      topicAliasMaximum: 100,
      outboundTopicAliasMaximum: 0,
      maxFiltersPerPacket: 10_000,
      maxOverlappingSubscriptions: 256,
      maxUserProperties: 1000,
      maxTopicLevels: 200,
      maximumQos: 2,
      retainAvailable: true,
      wildcardSubscriptionAvailable: true,
      subscriptionIdentifiersAvailable: true,
      sharedSubscriptionAvailable: true,
      responseInformation: undefined,
      checkPayloadFormat: false,
      timeoutDisconnectDelay: 0,
    });
    assertEquals(config.maxSessions, 1_000_000);
    assertEquals(config.maxRetained, 1_000_000);
    assertEquals(config.maxRetainedBytes, 268_435_456);
    assertEquals(config.maxTotalBytes, 1_073_741_824);
    assertEquals(config.persistence, { type: "memory" });
    assertEquals(config.warnings, []);
    assertEquals(config.baseDirectory, "/base");
  }
});

const sections: [string, Readonly<Record<string, Quantity>>, (key: string, value: unknown) => unknown][] = [
  ["the top", { ...limitQuantities, ...brokerQuantities }, (key, value) => ({ [key]: value })],
  [
    "a listener",
    { ...limitQuantities, ...listenerQuantities },
    (key, value) => ({ listeners: { a: { [key]: value } } }),
  ],
  ["auth", authQuantities, (key, value) => ({ auth: { [key]: value } })],
];

for (const [place, quantities, config] of sections) {
  for (const [name, range] of Object.entries(quantities)) {
    const key = toHyphens(name);
    Deno.test(`${key} at ${place} is checked against its range`, () => {
      const { minimum, maximum, aboveMinimum, fractional } = range;
      const tooSmall = aboveMinimum ? minimum : minimum - 1;
      assertEquals(faults(config(key, aboveMinimum ? minimum + 1 : minimum)), []);
      assertEquals(faults(config(key, range.default)), []);
      assertRefused(faults(config(key, tooSmall)), key, `got ${tooSmall}`);
      if (maximum !== undefined) {
        assertEquals(faults(config(key, maximum)), []);
        assertRefused(faults(config(key, maximum + 1)), key, `got ${maximum + 1}`);
      }
      assertEquals(faults(config(key, range.default + 0.5)).length, fractional ? 0 : 1);
      assertRefused(faults(config(key, "many")), key, 'got "many"');
      assertRefused(faults(config(key, true)), key, "got true");
      assertRefused(faults(config(key, Infinity)), key, "got Infinity");
      assertRefused(faults(config(key, NaN)), key, "got NaN");
      assertRefused(faults(config(key, [1])), key, "got [1]");
    });
  }
}

function assertRefused(lines: string[], key: string, got: string): void {
  assertEquals(lines.length, 1, lines.join("\n"));
  assert(lines[0]!.includes(`${key}: must be `) && lines[0]!.endsWith(`: ${got}`), lines[0]);
}

Deno.test("the error texts of numbers name range, unit and what was found", () => {
  assertEquals(
    faults({
      "max-inflight": 0,
      "max-packet-size": "1 B",
      "connect-timeout": 0,
      "queue-limit": -5,
      "queue-limit-bytes": "lots",
      "sys-interval": "soon",
      "max-retained": 1.5,
      "session-expiry-interval": 0.5,
      "stall-timeout": "2 d",
      "maximum-qos": 3,
      "max-topic-levels": 0,
      "max-total-bytes": "1 KiB",
      auth: { "auth-concurrency": 65 },
    }),
    [
      'sys-interval: must be a number of seconds or a time with a unit (ms, s, min, h, d): got "soon"',
      "max-retained: must be a whole number, at least 1: got 1.5",
      'max-total-bytes: must be at least 1048576 bytes: got "1 KiB"',
      "connect-timeout: must be above 0 and at most 86400 seconds: got 0",
      'max-packet-size: must be 16 to 268435460 bytes: got "1 B"',
      "max-inflight: must be 1 to 65535: got 0",
      "queue-limit: must be at least 1: got -5",
      'queue-limit-bytes: must be a number of bytes or a size with a unit (B, KB, MB, GB, KiB, MiB, GiB): got "lots"',
      'stall-timeout: must be above 0 and at most 86400 seconds: got "2 d"',
      "session-expiry-interval: must be a whole number, 0 to 4294967295 seconds: got 0.5",
      "max-topic-levels: must be 1 to 65536: got 0",
      "maximum-qos: must be 0 to 2: got 3",
      "auth.auth-concurrency: must be 1 to 64: got 65",
    ],
  );
});

Deno.test("numbers may carry a unit and be written as text", () => {
  const { limits, maxSessions, maxRetained, maxRetainedBytes } = resolved({
    "max-packet-size": "1 MiB",
    session_expiry_interval: "1 d",
    connectTimeout: "500 ms",
    maxInflight: "20",
    max_sessions: "7",
    maxRetained: "5",
    maxRetainedBytes: "5 KB",
  });
  assertEquals(limits.maxPacketSize, 1_048_576);
  assertEquals(limits.sessionExpiryInterval, 86_400);
  assertEquals(limits.connectTimeout, 0.5);
  assertEquals(limits.maxInflight, 20);
  assertEquals([maxSessions, maxRetained, maxRetainedBytes], [7, 5, 5000]);
});

Deno.test("flags are read in YAML 1.1's words, too", () => {
  for (const word of [false, "off", "no", "Off", "NO", "false"]) {
    assertEquals(resolved({ queueQos0: word }).limits.queueQos0, false);
  }
  for (const word of [true, "on", "yes", "On", "true"]) {
    assertEquals(resolved({ queueQos0: word }).limits.queueQos0, true);
  }
  for (const word of ["true / false", "y", 1, "", []]) {
    assertEquals(faults({ queueQos0: word }), [
      `queueQos0: must be true or false (or on, off, yes, no): got ${JSON.stringify(word)}`,
    ]);
  }
});

const flags = [
  "queueQos0",
  "retainAvailable",
  "wildcardSubscriptionAvailable",
  "subscriptionIdentifiersAvailable",
  "sharedSubscriptionAvailable",
  "checkPayloadFormat",
] as const;

for (const flag of flags) {
  const key = toHyphens(flag);
  Deno.test(`${key} is a flag, for the broker and for a listener`, () => {
    const other = !defaultLimits[flag];
    assertEquals(resolved({ [key]: other }).limits, { ...defaultLimits, [flag]: other });
    assertEquals(listener({ a: { [key]: other } }, "a").limits, { ...defaultLimits, [flag]: other });
    assertEquals(faults({ [key]: 1 }), [`${key}: must be true or false (or on, off, yes, no): got 1`]);
  });
}

Deno.test("queue-policy is one of three words, for the broker and for a listener", () => {
  for (const policy of ["drop-oldest", "drop-newest", "disconnect"] as const) {
    assertEquals(resolved({ "queue-policy": policy }).limits.queuePolicy, policy);
    assertEquals(listener({ a: { queuePolicy: policy } }, "a").limits.queuePolicy, policy);
  }
  assertEquals(faults({ "queue-policy": "drop", listeners: { a: { queuePolicy: true } } }), [
    'queue-policy: must be drop-oldest, drop-newest or disconnect: got "drop"',
    "listeners.a.queuePolicy: must be drop-oldest, drop-newest or disconnect: got true",
  ]);
});

Deno.test("response-information is kept as it stands, for the broker and for a listener", () => {
  const config = resolved({
    "response-information": "r/%u/%c",
    listeners: { a: {}, b: { bind: 0, responseInformation: "ü" } },
  });
  assertEquals(config.limits.responseInformation, "r/%u/%c");
  assertEquals(config.listeners.map(({ limits }) => limits.responseInformation), ["r/%u/%c", "ü"]);
  assertEquals(resolved({ responseInformation: null }).limits, defaultLimits);
});

Deno.test("[MQTT-1.5.4-1] 5.0, [MQTT-1.5.4-2] 5.0: response-information is a text that a packet can carry", () => {
  const longest = "ü".repeat(32_767) + "a";
  assertEquals(resolved({ responseInformation: longest }).limits.responseInformation, longest);
  assertEquals(faults({ responseInformation: longest + "a" }), [
    "responseInformation: must be at most 65535 bytes in UTF-8: got 65536 bytes",
  ]);
  for (const value of ["", "a\0", "a\ud800", 5, ["a"]]) {
    assertEquals(faults({ responseInformation: value }), [
      `responseInformation: must be a text without U+0000 and without lone surrogates: got ${JSON.stringify(value)}`,
    ]);
  }
});

Deno.test("a limit holds for the broker, and a listener may set it anew", () => {
  const listeners = { default: { queueLimit: 20 }, a: {}, b: { bind: 0, queueLimit: 30, queueQos0: false } };
  const config = resolved({ queueLimit: 10, maxInflight: 7, listeners });
  assertEquals(config.limits.queueLimit, 10);
  const [a, b] = config.listeners;
  assertEquals([a!.limits.queueLimit, a!.limits.maxInflight, a!.limits.queueQos0], [20, 7, true]);
  assertEquals([b!.limits.queueLimit, b!.limits.maxInflight, b!.limits.queueQos0], [30, 7, false]);
  assertEquals(config.handedIn.limits.queueLimit, 20);
  assertEquals(listener({ a: {} }, "a").limits, defaultLimits);
});

Deno.test("an unknown key is refused with the nearest known one", () => {
  assertEquals(
    faults({
      "max-retain": 1,
      listeners: { a: { max_conections: 3, bnid: 1 } },
      auth: { passwordFiel: "x" },
      "topic-check": { publish_alc: {} },
    }),
    [
      "max-retain: unknown key: did you mean max-retained?",
      "listeners.a.max_conections: unknown key: did you mean max_connections?",
      "listeners.a.bnid: unknown key: did you mean bind?",
      "auth.passwordFiel: unknown key: did you mean passwordFile?",
      "topic-check.publish_alc: unknown key: did you mean publish_acl?",
    ],
  );
});

Deno.test("an unknown key that is near none is refused with the list of known ones", () => {
  assertEquals(faults({ auth: { colour: null } }), [
    "auth.colour: unknown key: known are plugins, allow-anonymous, password-file, scram-key-file, auth-concurrency",
  ]);
});

Deno.test("a key that is given in two spellings is refused", () => {
  assertEquals(faults({ listeners: { a: { "max-connections": 1, max_connections: 2 } } }), [
    "listeners.a.max_connections: is the same key as max-connections: give one of them",
  ]);
});

Deno.test("names of JavaScript's own are keys like any other", () => {
  for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
    const [fault = ""] = faults(JSON.parse(`{"${name}": 1}`));
    assert(fault.startsWith(`${name}: unknown key: `), fault);
  }
});

Deno.test("a section that is no mapping is refused", () => {
  assertEquals(faults([1]), ["must be a mapping of keys to values: got [1]"]);
  assertEquals(faults({ listeners: ["a"] }), ['listeners: must map names to listeners: got ["a"]']);
  assertEquals(faults({ listeners: { a: 1883 } }), ["listeners.a: must be a mapping of keys to values: got 1883"]);
  assertEquals(faults({ auth: true }), ["auth: must be a mapping of keys to values: got true"]);
  assertEquals(faults({ topicCheck: "on" }), ['topicCheck: must be a mapping of keys to values: got "on"']);
});

Deno.test("keys without a value are as if they were not there", () => {
  assertEquals(resolved({ auth: null, topicCheck: undefined, plugins: null, queueLimit: null }), resolved({}));
});

Deno.test("a config is not changed and gives the same each time", () => {
  const config = { listeners: { a: { bind: ":1" } }, "topic-check": { enabled: "on", acl: { a: null, b: ["x"] } } };
  const before = structuredClone(config);
  assertEquals(resolved(config), resolved(config));
  assertEquals(config, before);
});

Deno.test("the table of keys holds every key that is read", () => {
  const schemas = {
    broker: brokerSchema,
    listener: listenerSchema,
    auth: authSchema,
    "topic-check": topicCheckSchema,
    persistence: persistenceSchema,
  } as const;
  const ignored = ["reader", "writer"];
  for (const [section, schema] of Object.entries(schemas)) {
    const known = Object.keys(schema.shape).filter((key) =>
      !ignored.includes(key) && (section !== "listener" || !Object.hasOwn(defaultLimits, key))
    );
    const listed = keyEntries.filter((entry) => entry.section === section).map(({ key }) => key);
    assertEquals(listed.toSorted(), known.map(toHyphens).toSorted());
  }
});

Deno.test("the table of keys writes defaults with their units", () => {
  const entry = (key: string) => keyEntries.find((entry) => entry.key === key);
  assertEquals(entry("max-packet-size"), {
    section: "broker",
    key: "max-packet-size",
    default: "16 MiB",
    unit: "bytes",
  });
  assertEquals(entry("session-expiry-interval")?.default, "7 d");
  assertEquals(entry("max-retained")?.default, "1,000,000");
  assertEquals(formatQuantity(listenerQuantities.maxConnections, 0), "0");
});
