import { assert, assertEquals } from "@std/assert";
import { faults, plugins, resolved } from "./support.ts";

const sys: [string, unknown] = ["broker_sys", { interval: 20 }];
const events: [string, unknown] = ["event_logger", undefined];

Deno.test("without a word of plugins events are logged and $SYS is published", () => {
  assertEquals(plugins({}), [events, sys]);
  assertEquals(resolved({}).plugins.map(({ place }) => place), ["plugins", "sys-interval"]);
  assertEquals(resolved({}).anonymous, "loopback");
  assertEquals(resolved({}).topicCheck, false);
});

Deno.test("$SYS has the interval that its option or sys-interval says, and 0 turns it off", () => {
  assertEquals(plugins({ sysInterval: 5 }), [events, ["broker_sys", { interval: 5 }]]);
  assertEquals(plugins({ sysInterval: 0 }), [events]);
  assertEquals(plugins({ plugins: ["broker_sys"], sysInterval: 7 }), [["broker_sys", { interval: 7 }]]);
  assertEquals(plugins({ plugins: { broker_sys: { interval: 3 } }, sysInterval: 7 }), [["broker_sys", {
    interval: 3,
  }]]);
  assertEquals(plugins({ plugins: [{ broker_sys: { sys_interval: "1 min" } }] }), [["broker_sys", { interval: 60 }]]);
  assertEquals(plugins({ plugins: { broker_sys: { interval: 0 } } }), []);
  assertEquals(faults({ plugins: { broker_sys: { interval: 1, "sys-interval": 1 } } }), [
    "plugins.broker_sys: interval and sys-interval are the same option: give one of them",
  ]);
});

Deno.test("plugins are given as a list or a mapping, with or without options", () => {
  const expected = [["./a.ts", undefined], ["npm:b", { x: { "y-z": null } }], ["event_logger", undefined], sys];
  const options = { x: { "y-z": null } };
  assertEquals(plugins({ plugins: ["./a.ts", { "npm:b": options }, "event_logger"] }), expected);
  assertEquals(plugins({ plugins: { "./a.ts": null, "npm:b": options, event_logger: null } }), expected);
  assertEquals(plugins({ plugins: [] }), [sys]);
  assertEquals(plugins({ plugins: {} }), [sys]);
});

Deno.test("a plugin's options reach it untouched", () => {
  const options = { hook: () => 1, "max-connections": 1, on: "on" };
  assert(resolved({ plugins: [{ "./a.ts": options }] }).plugins[0]!.options === options);
  assert(resolved({ auth: { plugins: { "./a.ts": options } } }).plugins[0]!.options === options);
});

Deno.test("every kind of import specifier is taken as it is", () => {
  const specifiers = [
    "./x.ts",
    "../x.js",
    "/abs/x.ts",
    "file:///x.ts",
    "jsr:@a/b",
    "npm:c@1",
    "https://example.org/x.js",
    "data:text/javascript,",
    "C:\\x.js",
  ];
  assertEquals(plugins({ plugins: specifiers }).slice(0, -1).map(([specifier]) => specifier), specifiers);
});

const spellings: [string, string][] = [
  ["auth.anonymous", "auth.anonymous"],
  ["auth_anonymous", "auth.anonymous"],
  ["auth.file", "auth.file"],
  ["auth_file", "auth.file"],
  ["auth-file", "auth.file"],
  ["topic_acl", "topic_acl"],
  ["topic-acl", "topic_acl"],
  ["topic_taboo", "topic_taboo"],
  ["broker_sys", "broker_sys"],
  ["event_logger", "event_logger"],
  ["event_logger_plugin", "event_logger"],
  ["packet_logger", "packet_logger"],
  ["packet_logger_plugin", "packet_logger"],
  ...["amqtt", "hbmqtt"].flatMap((project): [string, string][] => [
    [`${project}.plugins.authentication.AnonymousAuthPlugin`, "auth.anonymous"],
    [`${project}.plugins.authentication.FileAuthPlugin`, "auth.file"],
    [`${project}.plugins.topic_checking.TopicAccessControlListPlugin`, "topic_acl"],
    [`${project}.plugins.topic_checking.TopicTabooPlugin`, "topic_taboo"],
    [`${project}.plugins.sys.broker.BrokerSysPlugin`, "broker_sys"],
    [`${project}.plugins.logging_amqtt.EventLoggerPlugin`, "event_logger"],
    [`${project}.plugins.logging_amqtt.PacketLoggerPlugin`, "packet_logger"],
  ]),
  ["hbmqtt.plugins.logging.EventLoggerPlugin", "event_logger"],
  ["hbmqtt.plugins.logging.PacketLoggerPlugin", "packet_logger"],
];

for (const [spelling, name] of spellings) {
  Deno.test(`the plugin name ${spelling} is understood`, () => {
    const options = { "auth.file": { password_file: "x" }, topic_acl: { acl: {} } }[name] ?? null;
    assertEquals(plugins({ plugins: { [spelling]: options } })[0]?.[0], name);
  });
}

const unknown: [string, string][] = [
  ["event_loger", "unknown plugin event_loger: did you mean event_logger?"],
  ["auth.anonymos", "unknown plugin auth.anonymos: did you mean auth.anonymous?"],
  ["event_logger_plugn", "unknown plugin event_logger_plugn: did you mean event_logger?"],
  ["AnonymousAuthPlugin", "unknown plugin AnonymousAuthPlugin: did you mean auth.anonymous?"],
  [
    "amqtt.plugins.authentification.FileAuthPlugin",
    "unknown plugin amqtt.plugins.authentification.FileAuthPlugin: did you mean " +
    "amqtt.plugins.authentication.FileAuthPlugin?",
  ],
  ["my_plugins/mine.ts", "unknown plugin my_plugins/mine.ts: did you mean ./my_plugins/mine.ts?"],
  ["mine.js", "unknown plugin mine.js: did you mean ./mine.js?"],
  [
    "nonsense",
    "must be an import specifier (./x.ts, file:, jsr:, npm:, https:) or one of auth.anonymous, auth.file, topic_acl, " +
    'topic_taboo, broker_sys, event_logger, packet_logger: got "nonsense"',
  ],
  [
    "my_package.auth.MyPlugin",
    "my_package.auth.MyPlugin is a Python class, a plugin here is an ES module: give its import specifier",
  ],
  [
    "amqtt.contrib.auth_db.UserAuthDBPlugin",
    "amqtt.contrib.auth_db.UserAuthDBPlugin of aMQTT has no counterpart here; what comes closest is auth.file",
  ],
  [
    "amqtt.plugins.contrib.jwt.UserAuthJwtPlugin",
    "amqtt.plugins.contrib.jwt.UserAuthJwtPlugin of aMQTT has no counterpart here; what comes closest is a plugin of " +
    "your own with the hook authenticate",
  ],
  [
    "amqtt.contrib.http.TopicAuthHttpPlugin",
    "amqtt.contrib.http.TopicAuthHttpPlugin of aMQTT has no counterpart here; what comes closest is a plugin of your " +
    "own with the hooks authorizePublish, authorizeSubscribe and authorizeReceive",
  ],
  [
    "amqtt.contrib.cert.UserAuthCertPlugin",
    "amqtt.contrib.cert.UserAuthCertPlugin of aMQTT has no counterpart here; what comes closest is " +
    "username-from-certificate: san at the listener",
  ],
  ["amqtt.contrib.shadows.ShadowPlugin", "amqtt.contrib.shadows.ShadowPlugin of aMQTT has no counterpart here"],
  [
    "amqtt.contrib.persistence.SessionDBPlugin",
    "amqtt.contrib.persistence.SessionDBPlugin of aMQTT has no counterpart here",
  ],
];

for (const [name, message] of unknown) {
  Deno.test(`the plugin ${name} is refused by name`, () => {
    assertEquals(faults({ plugins: [name] }), [`plugins[0]: ${message}`]);
  });
}

Deno.test("a list of plugins that is none is refused", () => {
  assertEquals(faults({ plugins: "event_logger" }), [
    'plugins: must be a list of plugins, or map plugins to their options: got "event_logger"',
  ]);
  const expected = "must be a plugin's name, or one name with its options indented below it";
  assertEquals(faults({ plugins: [3, { "./a.ts": null, x: 1 }, [], {}] }), [
    `plugins[0]: ${expected}: got 3`,
    `plugins[1]: ${expected}: got {"./a.ts":null,"x":1}: did you mean to indent x below ./a.ts?`,
    `plugins[2]: ${expected}: got []`,
    `plugins[3]: ${expected}: got {}`,
  ]);
});

Deno.test("an option that is not indented below its plugin is refused with where it belongs", () => {
  const expected = "must be a plugin's name, or one name with its options indented below it";
  assertEquals(
    faults({ plugins: [{ "auth.file": null, "password-file": "x" }, { event_logger: null, "./a.ts": {} }] }),
    [
      `plugins[0]: ${expected}: got {"auth.file":null,"password-file":"x"}: did you mean to indent password-file below ` +
      "auth.file?",
      `plugins[1]: ${expected}: got {"event_logger":null,"./a.ts":{}}: did you mean a "-" before each of them?`,
    ],
  );
});

Deno.test("a list of one-key maps where a mapping belongs is refused with how to write it", () => {
  assertEquals(
    faults({
      listeners: [{ default: { bind: 1 } }, { ws: null }],
      auth: [{ plugins: [] }],
      "topic-check": { enabled: true, acl: [{ alice: ["a/#"] }] },
      plugins: [{ topic_acl: [{ acl: {} }] }],
    }).map((fault) => fault.replace(/: got .*: did/, ": … did")).toSorted(),
    [
      'listeners: must map names to listeners: … did you mean one mapping, without the "-" before default, ws?',
      'auth: must be a mapping of keys to values: … did you mean one mapping, without the "-" before plugins?',
      'topic-check.acl: must map user names to lists of topic filters: … did you mean one mapping, without the "-" ' +
      "before alice?",
      'plugins[0].topic_acl: must be a mapping of keys to values: … did you mean one mapping, without the "-" before acl?',
    ].toSorted(),
  );
  assertEquals(faults({ listeners: [1] }), ["listeners: must map names to listeners: got [1]"]);
});

Deno.test("options of bundled plugins are checked", () => {
  assertEquals(
    faults({
      plugins: [
        { "auth.anonymous": { allow: true } },
        { "auth.file": { "auth-concurrency": 0 } },
        { topic_acl: { acl: { a: ["#b"] } } },
        { event_logger: { level: 3 } },
        { packet_logger: 3 },
      ],
    }),
    [
      'plugins[0]["auth.anonymous"].allow: unknown key: known are allow-anonymous',
      'plugins[1]["auth.file"].auth-concurrency: must be 1 to 64: got 0',
      'plugins[2].topic_acl.acl.a[0]: "#" must be the last level of a topic filter, on its own: got "#b"',
      "plugins[3].event_logger.level: unknown key: known are exclude-sys",
      "plugins[4].packet_logger: must be a mapping of keys to values: got 3",
    ],
  );
});

Deno.test("a bundled plugin is listed once, others as often as one likes", () => {
  assertEquals(faults({ plugins: ["event_logger", "event_logger_plugin"] }), [
    "plugins[1]: event_logger is listed already: see plugins[0]",
  ]);
  const options = { allow_anonymous: true };
  assertEquals(faults({ auth: { plugins: ["auth.anonymous"] }, plugins: [{ auth_anonymous: options }] }), [
    "plugins[0]: auth.anonymous is listed already: see auth.plugins[0]",
  ]);
  assertEquals(faults({ plugins: ["./a.ts", "./a.ts"] }), []);
});

Deno.test("plugins for sign-in come first, then those for topics, then the others, each with its place", () => {
  const config = resolved({
    plugins: ["./c.ts"],
    "topic-check": { enabled: true, plugins: ["./b.ts"] },
    auth: { plugins: ["./a.ts", { "auth.file": { password_file: "p" } }] },
  });
  assertEquals(config.plugins.map(({ specifier, place }) => [specifier, place]), [
    ["./a.ts", "auth.plugins[0]"],
    ["auth.file", "auth.plugins[1]"],
    ["./b.ts", "topic-check.plugins[0]"],
    ["./c.ts", "plugins[0]"],
    ["broker_sys", "sys-interval"],
  ]);
});

Deno.test("bundled plugins in the wrong list are refused with the right one", () => {
  const section = { enabled: true, plugins: ["auth.file"] };
  assertEquals(faults({ auth: { plugins: ["topic_acl", "broker_sys"] }, topicCheck: section }), [
    "auth.plugins[0]: topic_acl does not belong here: move it to topic-check.plugins",
    "auth.plugins[1]: broker_sys does not belong here: move it to plugins",
    "topicCheck.plugins[0]: auth.file does not belong here: move it to auth.plugins",
  ]);
});
