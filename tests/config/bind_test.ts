import { assertEquals, assertThrows } from "@std/assert";
import { type Bind, BindError, parseBind } from "../../src/config/bind.ts";

const readable: [string | number, Bind][] = [
  ["127.0.0.1:1883", { hostname: "127.0.0.1", port: 1883 }],
  [":1884", { hostname: "0.0.0.0", port: 1884 }],
  ["1885", { hostname: "0.0.0.0", port: 1885 }],
  [1886, { hostname: "0.0.0.0", port: 1886 }],
  [0, { hostname: "0.0.0.0", port: 0 }],
  ["localhost:65535", { hostname: "localhost", port: 65535 }],
  ["broker.example.org", { hostname: "broker.example.org" }],
  ["my_host", { hostname: "my_host" }],
  ["10.0.0.1", { hostname: "10.0.0.1" }],
  ["", { hostname: "0.0.0.0" }],
  [" 127.0.0.1:1 ", { hostname: "127.0.0.1", port: 1 }],
  ["[::1]:1883", { hostname: "::1", port: 1883 }],
  ["[::]", { hostname: "::" }],
  ["[fe80::1%eth0]:0", { hostname: "fe80::1%eth0", port: 0 }],
  ["unix:/run/broker.sock", { hostname: "", socketPath: "/run/broker.sock" }],
  ["unix:a:b c", { hostname: "", socketPath: "a:b c" }],
  ["[::ffff:1.2.3.4]:7", { hostname: "::ffff:1.2.3.4", port: 7 }],
];

for (const [text, bind] of readable) {
  Deno.test(`bind ${JSON.stringify(text)} is read`, () => assertEquals(parseBind(text), bind));
}

const refused: [string | number, string][] = [
  [70000, "port must be 0 to 65535: got 70000"],
  [-1, "port must be 0 to 65535: got -1"],
  [1.5, "port must be 0 to 65535: got 1.5"],
  [NaN, "port must be 0 to 65535: got NaN"],
  ["70000", "port must be 0 to 65535: got 70000"],
  ["localhost:65536", "port must be 0 to 65535: got 65536"],
  ["localhost:mqtt", "port must be 0 to 65535: got mqtt"],
  ["localhost:", 'port must be 0 to 65535: got ""'],
  ["[::1]:99999", "port must be 0 to 65535: got 99999"],
  ["::1", 'an IPv6 address must stand in brackets, such as "[::1]:1883": got "::1"'],
  ["::1:1883", 'an IPv6 address must stand in brackets, such as "[::1]:1883": got "::1:1883"'],
  ["[1.2.3.4]:1", 'must be an IPv6 address in brackets and a port, such as "[::1]:1883": got "[1.2.3.4]:1"'],
  ["[:::1]:1", 'must be an IPv6 address in brackets and a port, such as "[::1]:1883": got "[:::1]:1"'],
  ["[::1", 'must be an IPv6 address in brackets and a port, such as "[::1]:1883": got "[::1"'],
  ["unix:", 'a unix socket needs a path, such as unix:/run/broker.sock: got "unix:"'],
  ["unix:///run/broker.sock", 'must be host:port, not a URL: got "unix:///run/broker.sock"'],
  ["mqtt://localhost:1883", 'must be host:port, not a URL: got "mqtt://localhost:1883"'],
  ["1:1883", 'host must be a name or an address: got "1"'],
  ["999.1.1.1:1883", 'host must be a name or an address: got "999.1.1.1"'],
  ["1.2.3:1883", 'host must be a name or an address: got "1.2.3"'],
  ["a b:1883", 'host must be a name or an address: got "a b"'],
  ["*:1883", 'host must be a name or an address: got "*"'],
];

for (const [text, message] of refused) {
  Deno.test(`bind ${JSON.stringify(text)} is refused`, () => {
    assertEquals(assertThrows(() => parseBind(text), BindError).message, message);
  });
}
