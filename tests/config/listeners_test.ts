import { assert, assertEquals } from "@std/assert";
import { faults, listener, resolved } from "./support.ts";

const tls = { ssl: true, certfile: "c.pem", keyfile: "k.pem" };

/** Somebody may come in, so that nobody is warned of that. */
const open = { auth: { "allow-anonymous": true } };

Deno.test("a listener without bind listens on all IPv4 interfaces at its type's port", () => {
  const address = (values: object) => {
    const { hostname, port } = listener({ a: values }, "a");
    return `${hostname}:${port}`;
  };
  assertEquals(address({}), "0.0.0.0:1883");
  assertEquals(address({ bind: null }), "0.0.0.0:1883");
  assertEquals(address(tls), "0.0.0.0:8883");
  assertEquals(address({ type: "ws" }), "0.0.0.0:8080");
  assertEquals(address({ type: "ws", ...tls }), "0.0.0.0:8443");
  assertEquals(address({ bind: "10.0.0.1", type: "ws" }), "10.0.0.1:8080");
  assertEquals(address({ bind: "[::1]", ...tls }), "::1:8883");
  assertEquals(address({ bind: 0 }), "0.0.0.0:0");
});

Deno.test("default listens only with a bind of its own or as the only one", () => {
  const names = (listeners: Record<string, unknown>) => resolved({ listeners }).listeners.map(({ name }) => name);
  assertEquals(names({ default: {} }), ["default"]);
  assertEquals(names({ default: null }), ["default"]);
  assertEquals(names({ default: {}, a: {} }), ["a"]);
  assertEquals(names({ default: { bind: null }, a: {} }), ["a"]);
  assertEquals(names({ default: { bind: ":1" }, a: {} }), ["default", "a"]);
  assertEquals(names({ default: { bind: 0 }, a: {} }), ["default", "a"]);
  assertEquals(names({ a: undefined, b: null }), ["b"]);
  assertEquals(listener({ default: {} }, "default").hostname, "0.0.0.0");
});

Deno.test("bind is not inherited", () => {
  assertEquals(listener({ default: { bind: "10.0.0.1:5" }, a: {} }, "a").port, 1883);
  assertEquals(listener({ default: { bind: "10.0.0.1:5" }, a: {} }, "a").hostname, "0.0.0.0");
});

const inherited: [
  key: string,
  of: unknown,
  own: unknown,
  read: (name: string, l: Record<string, unknown>) => unknown,
][] = [
  ["maxConnections", 5, 0, (name, l) => listener(l, name).maxConnections],
  ["type", "ws", "tcp", (name, l) => listener(l, name).type],
  ["path", "/a", "/b", (name, l) => listener(l, name).path],
  ["origins", ["*"], [], (name, l) => listener(l, name).origins],
  ["hosts", ["a.example"], [], (name, l) => listener(l, name).hosts],
  ["queueQos0", true, false, (name, l) => listener(l, name).limits.queueQos0],
  ["sessionExpiryInterval", 9, 0, (name, l) => listener(l, name).limits.sessionExpiryInterval],
  ["maxSessionExpiryInterval", 9, 0, (name, l) => listener(l, name).limits.maxSessionExpiryInterval],
  ["maxKeepAlive", 9, 0, (name, l) => listener(l, name).limits.maxKeepAlive],
  ["topicAliasMaximum", 9, 0, (name, l) => listener(l, name).limits.topicAliasMaximum],
  ["outboundTopicAliasMaximum", 9, 0, (name, l) => listener(l, name).limits.outboundTopicAliasMaximum],
  ["maximumQos", 1, 0, (name, l) => listener(l, name).limits.maximumQos],
  ["maxTopicLevels", 9, 1, (name, l) => listener(l, name).limits.maxTopicLevels],
  ["stallTimeout", 9, 0.5, (name, l) => listener(l, name).limits.stallTimeout],
  ["queuePolicy", "disconnect", "drop-oldest", (name, l) => listener(l, name).limits.queuePolicy],
  ["retainAvailable", false, true, (name, l) => listener(l, name).limits.retainAvailable],
  ["responseInformation", "a", "b", (name, l) => listener(l, name).limits.responseInformation],
  ["timeoutDisconnectDelay", 2, 0, (name, l) => listener(l, name).limits.timeoutDisconnectDelay],
  ["certfile", "/a", "/b", (name, l) => listener(l, name).tls?.certfile],
  ["keyfile", "/a", "/b", (name, l) => listener(l, name).tls?.keyfile],
  ["keyfilePassphrase", "a", "b", (name, l) => listener(l, name).tls?.keyfilePassphrase],
  ["keyfilePassphraseFile", "/a", "/b", (name, l) => listener(l, name).tls?.keyfilePassphraseFile],
  ["cafile", "/a", "/b", (name, l) => listener(l, name).tls?.cafile],
  ["capath", "/a", "/b", (name, l) => listener(l, name).tls?.capath],
  ["cadata", "A", "B", (name, l) => listener(l, name).tls?.cadata],
  ["crlfile", "/a", "/b", (name, l) => listener(l, name).tls?.crlfile],
  ["clientCertificate", "required", "off", (name, l) => listener(l, name).tls?.clientCertificate],
  ["usernameFromCertificate", "cn", "off", (name, l) => listener(l, name).usernameFromCertificate],
];

for (const [key, ofDefault, own, read] of inherited) {
  Deno.test(`${key} is inherited from default, and an explicit value wins`, () => {
    const common = { ...tls, certfile: "/c", keyfile: "/k", type: "ws", cafile: "/ca", crlfile: "/crl" };
    const listeners = {
      default: { ...common, [key]: ofDefault },
      inherits: { bind: ":1" },
      explicit: { bind: ":2", [key]: own },
    };
    assertEquals(read("inherits", listeners), ofDefault);
    assertEquals(read("explicit", listeners), own);
  });
}

Deno.test("ssl: off wins over a default with ssl: on, which keeps its certificates", () => {
  for (const off of [false, "off", "no"]) {
    const config = resolved({ listeners: { default: { ...tls, cafile: "ca" }, a: { ssl: off }, b: {} }, ...open });
    const [a, b] = config.listeners;
    assertEquals(a!.tls, undefined);
    assertEquals(a!.port, 1883);
    assertEquals(b!.tls, {
      certfile: "/base/c.pem",
      keyfile: "/base/k.pem",
      cafile: "/base/ca",
      clientCertificate: "optional",
    });
    assertEquals(config.warnings, []);
  }
});

Deno.test("an external listener opens no socket", () => {
  const { type, hostname, port, tls: material } = listener({ default: { ...tls }, a: { type: "external" } }, "a");
  assertEquals({ type, hostname, port, material }, { type: "external", hostname: "", port: 0, material: undefined });
  assertEquals(resolved({ listeners: { a: { type: "external", bind: ":1", ...tls } } }).warnings, [
    "listeners.a.ssl: has no effect: type: external opens no socket",
    "listeners.a.certfile: has no effect: type: external opens no socket",
    "listeners.a.keyfile: has no effect: type: external opens no socket",
    "listeners.a.bind: has no effect: type: external opens no socket",
  ]);
});

Deno.test("connections that are handed in have the attributes of default", () => {
  const { handedIn } = resolved({
    listeners: { default: { bind: ":5", maxConnections: 3, maxPacketSize: 100, path: "/x", type: "ws" } },
  });
  const { name, type, hostname, port, maxConnections, path } = handedIn;
  assertEquals({ name, type, hostname, port }, { name: "default", type: "external", hostname: "", port: 0 });
  assertEquals({ maxConnections, path }, { maxConnections: 3, path: "/x" });
  assertEquals(handedIn.limits.maxPacketSize, 100);
  assertEquals(resolved({ listeners: { a: { maxConnections: 3 } } }).handedIn.maxConnections, 0);
});

Deno.test("ssl needs certfile and keyfile, its own or inherited, and the key may stand in certfile", () => {
  assertEquals(faults({ listeners: { a: { ssl: true } } }), [
    "listeners.a.ssl: needs certfile and keyfile: got no certfile and no keyfile",
  ]);
  assertEquals(faults({ listeners: { default: { ssl: "on", keyfile: "k" }, a: {}, b: { bind: 1, certfile: "c" } } }), [
    "listeners.a.ssl: needs certfile and keyfile: got no certfile",
  ]);
  const { tls: material } = listener({ a: { ssl: true, certfile: "c.pem" } }, "a");
  assertEquals([material?.certfile, material?.keyfile], ["/base/c.pem", "/base/c.pem"]);
});

Deno.test("the passphrase of a key is given as a text or as a file, not both, and never shown", () => {
  const text = listener({ a: { ...tls, "keyfile-passphrase": "geheim" } }, "a").tls;
  assertEquals([text?.keyfilePassphrase, text?.keyfilePassphraseFile], ["geheim", undefined]);
  const file = listener({ a: { ...tls, "keyfile-passphrase-file": "phrase" } }, "a").tls;
  assertEquals([file?.keyfilePassphrase, file?.keyfilePassphraseFile], [undefined, "/base/phrase"]);
  const both = { "keyfile-passphrase": "geheim", "keyfile-passphrase-file": "phrase" };
  assertEquals(faults({ listeners: { a: { ...tls, ...both } } }), [
    "listeners.a.keyfile-passphrase: keyfile-passphrase and keyfile-passphrase-file are two ways to say the same: " +
    "give one of them",
  ]);
  assertEquals(faults({ listeners: { a: { ...tls, "keyfile-passphrase": 123_456 } } }), [
    "listeners.a.keyfile-passphrase: must be a text in quotes, not empty: got number",
  ]);
});

Deno.test("bind names a unix socket, whose path starts at the config's folder, and socket-mode its permissions", () => {
  const { hostname, port, socketPath, socketMode } = listener(
    { a: { bind: "unix:a.sock", "socket-mode": "0660" } },
    "a",
  );
  assertEquals({ hostname, port, socketPath, socketMode }, {
    hostname: "",
    port: 0,
    socketPath: "/base/a.sock",
    socketMode: 0o660,
  });
  for (const mode of [660, "0o8", "66", "1777", ""]) {
    assertEquals(faults({ listeners: { a: { bind: "unix:/a", "socket-mode": mode } } }), [
      `listeners.a.socket-mode: must be an octal mode in quotes, such as "0660": got ${JSON.stringify(mode)}`,
    ]);
  }
  assertEquals(resolved({ listeners: { a: { bind: "127.0.0.1:1", "socket-mode": "660" } } }).warnings, [
    "listeners.a.socket-mode: has no effect: bind names no unix socket",
  ]);
  assertEquals(faults({ listeners: { a: { bind: "unix:/a" }, b: { bind: "unix:/a" } } }), [
    "listeners.b.bind: unix:/a is taken by listener a: give one of them another address",
  ]);
});

Deno.test("paths start at the config's folder", () => {
  const { tls: material } = listener({ a: { ...tls, certfile: "/abs/c.pem", keyfile: "../k.pem", capath: "ca" } }, "a");
  assertEquals(material?.certfile, "/abs/c.pem");
  assertEquals(material?.keyfile, "/k.pem");
  assertEquals(material?.capath, "/base/ca");
});

Deno.test("client certificates are optional once an authority is given", () => {
  const request = (values: object) => listener({ a: { ...tls, ...values } }, "a").tls?.clientCertificate;
  assertEquals(request({}), "off");
  assertEquals(request({ cafile: "x" }), "optional");
  assertEquals(request({ capath: "x" }), "optional");
  assertEquals(request({ cadata: "x" }), "optional");
  assertEquals(request({ cafile: "x", clientCertificate: "required" }), "required");
  assertEquals(request({ cafile: "x", clientCertificate: "off" }), "off");
});

Deno.test("client certificates need an authority", () => {
  for (const word of ["optional", "required"]) {
    assertEquals(faults({ listeners: { a: { ...tls, "client-certificate": word } } }), [
      `listeners.a.client-certificate: ${word} needs an authority: give cafile, capath or cadata`,
    ]);
  }
});

Deno.test("a user name from the certificate needs client certificates", () => {
  assertEquals(faults({ listeners: { a: { ...tls, username_from_certificate: "cn" } } }), [
    "listeners.a.username_from_certificate: cn needs a client certificate: give cafile, capath or cadata",
  ]);
  assertEquals(faults({ listeners: { a: { usernameFromCertificate: "san" } } }), [
    "listeners.a.usernameFromCertificate: san needs ssl: on and a client certificate",
  ]);
  assertEquals(
    faults({ listeners: { a: { ...tls, cafile: "x", clientCertificate: "off", usernameFromCertificate: "san" } } }),
    [
      "listeners.a.usernameFromCertificate: san needs a client certificate: give cafile, capath or cadata",
    ],
  );
  const listeners = { default: { ...tls, cafile: "x", usernameFromCertificate: "san" }, a: {}, b: { ssl: false } };
  assertEquals(listener(listeners, "a").usernameFromCertificate, "san");
  assertEquals(listener(listeners, "b").usernameFromCertificate, "off");
});

Deno.test("TLS keys without ssl are pointed out, unless they are inherited", () => {
  assertEquals(
    resolved({ listeners: { a: { cafile: "x", certfile: "y", "client-certificate": "required" } }, ...open }).warnings,
    [
      "listeners.a.certfile: has no effect: ssl is off",
      "listeners.a.cafile: has no effect: ssl is off",
      "listeners.a.client-certificate: has no effect: ssl is off",
    ],
  );
  assertEquals(resolved({ listeners: { default: { cafile: "x", bind: 1 }, a: {} }, ...open }).warnings, []);
  assertEquals(resolved({ listeners: { a: { ...tls, crlfile: "x" } }, ...open }).warnings, [
    "listeners.a.crlfile: has no effect: no client certificate is asked for",
  ]);
});

Deno.test("keys of WebSocket listeners on others are refused unless they are inherited", () => {
  assertEquals(faults({ listeners: { a: { path: "/mqtt", origins: ["*"] } } }), [
    "listeners.a.path: is for listeners with type: ws only: got type: tcp",
    "listeners.a.origins: is for listeners with type: ws only: got type: tcp",
  ]);
  assertEquals(faults({ listeners: { default: { path: "/mqtt" } } }).length, 1);
  assertEquals(listener({ default: { path: "/mqtt" }, a: {}, b: { type: "ws" } }, "a").path, undefined);
  assertEquals(listener({ default: { path: "/mqtt" }, a: {}, b: { type: "ws" } }, "b").path, "/mqtt");
  assertEquals(listener({ a: { type: "external", path: "/mqtt" } }, "a").path, "/mqtt");
});

Deno.test("two listeners cannot have the same address", () => {
  assertEquals(faults({ listeners: { a: { bind: "1.2.3.4:5" }, b: {}, c: { bind: "1.2.3.4:5", type: "ws" } } }), [
    "listeners.c.bind: 1.2.3.4:5 is taken by listener a: give one of them another address",
  ]);
  assertEquals(faults({ listeners: { a: {}, b: {} } }), [
    "listeners.b.bind: 0.0.0.0:1883 is taken by listener a: give one of them another address",
  ]);
  assertEquals(faults({ listeners: { a: { bind: "[::1]:5" }, b: { bind: "[::1]:5" } } }), [
    "listeners.b.bind: [::1]:5 is taken by listener a: give one of them another address",
  ]);
  assertEquals(
    faults({ listeners: { a: { bind: 0 }, b: { bind: 0 }, c: { type: "external" }, d: { type: "external" } } }),
    [],
  );
});

Deno.test("what no listener can have is refused, all of it at once", () => {
  assertEquals(
    faults({
      listeners: {
        a: { type: "udp", bind: 70_000, ssl: "maybe", path: "mqtt" },
        b: { bind: ["::1"], client_certificate: "yes", cafile: "", certfile: 5 },
        c: { bind: true, type: "ws", origins: ["example.org", "https://example.org/", "*", "https://a.b:1"] },
        d: { type: "ws", origins: "*", usernameFromCertificate: "dn" },
        "": {},
      },
    }),
    [
      'listeners.a.type: must be tcp, ws or external: got "udp"',
      "listeners.a.bind: port must be 0 to 65535: got 70000",
      'listeners.a.ssl: must be true or false (or on, off, yes, no): got "maybe"',
      'listeners.a.path: must be a path that begins with "/", without "?" or "#": got "mqtt"',
      'listeners.b.bind: an address in brackets must be quoted, such as "[::1]:1883": got a list',
      "listeners.b.certfile: must be the path of a file: got 5",
      'listeners.b.cafile: must be the path of a file: got ""',
      'listeners.b.client_certificate: must be off, optional or required: got "yes"',
      'listeners.c.bind: must be host:port, :port, port, host, "[v6]:port" or unix:path: got true',
      'listeners.c.origins[0]: must be "*", "null" or an origin such as https://example.org: got "example.org"',
      'listeners.c.origins[1]: must be "*", "null" or an origin such as https://example.org: got "https://example.org/"',
      'listeners.d.usernameFromCertificate: must be off, cn or san: got "dn"',
      'listeners.d.origins: must be a list of origins, such as ["https://example.org"]: got "*"',
      'listeners[""]: cannot be the name of a listener',
    ],
  );
});

Deno.test("faults of one listener do not hide those of another", () => {
  const lines = faults({ listeners: { a: { bind: -1, ssl: true }, b: { ssl: true } } });
  assertEquals(lines, [
    "listeners.a.bind: port must be 0 to 65535: got -1",
    "listeners.b.ssl: needs certfile and keyfile: got no certfile and no keyfile",
  ]);
});

Deno.test("aMQTT's reader and writer are passed over with a word", () => {
  assertEquals(resolved({ listeners: { a: { reader: "x", writer: null } }, ...open }).warnings, [
    "listeners.a.reader: has no meaning here",
  ]);
});

Deno.test("a WebSocket that cannot take a whole packet is pointed out", () => {
  const a = { type: "ws", bind: "127.0.0.1", maxInboundBytes: 100, maxPacketSize: 200 } as const;
  const [warning = ""] = resolved({ listeners: { a } }).warnings;
  assert(warning.startsWith("listeners.a.maxInboundBytes: is below max-packet-size: "), warning);
});

Deno.test("a WebSocket listener beyond loopback without origins and hosts is pointed out", () => {
  const warned = resolved({
    listeners: {
      everywhere: { type: "ws" },
      outside: { type: "ws", bind: "192.0.2.7:8080" },
      here: { type: "ws", bind: "localhost:8081" },
      named: { type: "ws", bind: ":8082", hosts: ["mqtt.example"] },
      listed: { type: "ws", bind: ":8083", origins: [] },
      plain: { bind: ":1883" },
    },
  }).warnings.map((warning) => warning.slice(0, warning.indexOf(":")));
  const pointedOut = warned.filter((place) => place.endsWith(".hosts"));
  assertEquals(pointedOut, ["listeners.everywhere.hosts", "listeners.outside.hosts"]);
  const { warnings } = resolved({ listeners: { default: { hosts: [] }, a: { type: "ws" } } });
  assertEquals(warnings.filter((warning) => warning.includes("hosts")), []);
});

Deno.test("hosts are names and addresses alone", () => {
  const hosts = ["mqtt.example", "192.0.2.7", "[::1]", "http://a", "a:8080", "a/b", "::1", "", 7];
  assertEquals(faults({ listeners: { a: { type: "ws", hosts } } }), [
    ...["http://a", "a:8080", "a/b", "::1", "", 7].map((host, index) =>
      `listeners.a.hosts[${index + 3}]: must be a host's name or address such as mqtt.example.org, without port: got ${
        JSON.stringify(host)
      }`
    ),
  ]);
  assertEquals(faults({ listeners: { a: { type: "ws", hosts: "mqtt.example" } } }), [
    'listeners.a.hosts: must be a list of host names, such as ["mqtt.example.org"]: got "mqtt.example"',
  ]);
});

Deno.test("a mountpoint is inherited, and holds for connections that are handed in", () => {
  const listeners = {
    default: { mountpoint: "a/%u/" },
    b: { type: "external" },
    c: { type: "external", mountpoint: "%c/" },
  };
  assertEquals(listener(listeners, "b").mountpoint, "a/%u/");
  assertEquals(listener(listeners, "c").mountpoint, "%c/");
  assertEquals(resolved({ listeners }).handedIn.mountpoint, "a/%u/");
  assertEquals(resolved({}).handedIn.mountpoint, undefined);
});

Deno.test("a mountpoint is levels of a topic that end in a slash", () => {
  for (const mountpoint of ["a", "", "$SYS/", "$share/g/", 5]) {
    const [fault, ...others] = faults({ listeners: { a: { mountpoint } } });
    assertEquals(others, []);
    assertEquals(
      fault,
      `listeners.a.mountpoint: must be levels of a topic that end in "/", such as tenants/%u/: got ${
        JSON.stringify(mountpoint)
      }`,
    );
  }
  const [wildcard] = faults({ listeners: { a: { mountpoint: "a/+/" } } });
  assertEquals(wildcard, 'listeners.a.mountpoint: topic name must not contain a wildcard: got "a/+/"');
});
