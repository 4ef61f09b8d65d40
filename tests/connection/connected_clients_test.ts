import { assertEquals } from "@std/assert";
import type { ResolvedListener } from "../../src/config/config.ts";
import { resolveConfig } from "../../src/config/resolve.ts";
import { ConnectedClients } from "../../src/connection/connected_clients.ts";
import type { ClientConnection } from "../../src/connection/connection_context.ts";
import type { Session } from "../../src/session/session.ts";

function listener(name: string, maxConnections: number): ResolvedListener {
  return { ...resolveConfig({}, { baseDirectory: "/base" }).handedIn, name, maxConnections };
}

const session = () => ({}) as Session;
const by = (listener: ResolvedListener) => ({ listener }) as ClientConnection;

Deno.test("A listener is full when as many are signed in as may be, until one of them leaves", () => {
  const connected = new ConnectedClients();
  const two = listener("two", 2);
  const one = session();
  connected.set(one, by(two));
  assertEquals(connected.isFull(two), false);
  connected.set(session(), by(two));
  assertEquals(connected.isFull(two), true);
  connected.delete(one);
  assertEquals(connected.isFull(two), false);
});

Deno.test("A listener whose limit is 0 is never full", () => {
  const connected = new ConnectedClients();
  const any = listener("any", 0);
  for (let served = 0; served < 1000; served++) {
    connected.set(session(), by(any));
    assertEquals(connected.isFull(any), false);
  }
});

Deno.test("The clients of listeners are counted apart", () => {
  const connected = new ConnectedClients();
  const [a, b] = [listener("a", 1), listener("b", 1)];
  connected.set(session(), by(a));
  assertEquals([connected.isFull(a), connected.isFull(b)], [true, false]);
});

Deno.test("Who leaves twice, or is served by another connection, is counted once", () => {
  const connected = new ConnectedClients();
  const [a, b] = [listener("a", 1), listener("b", 1)];
  const one = session();
  connected.set(one, by(a)).set(one, by(b));
  assertEquals([connected.isFull(a), connected.isFull(b), connected.size], [false, true, 1]);
  assertEquals([connected.delete(one), connected.delete(one)], [true, false]);
  connected.set(session(), by(b));
  assertEquals([connected.isFull(b), connected.size], [true, 1]);
});
