/** What every transport must do, checked on each of them. */
import { assertEquals, assertRejects } from "@std/assert";
import { memoryPair } from "../../src/transport/memory.ts";
import { streamTransport } from "../../src/transport/stream.ts";
import { listenTcp } from "../../src/transport/tcp.ts";
import { listenTls } from "../../src/transport/tls/listener.ts";
import type { Listener, Transport } from "../../src/transport/transport.ts";
import { upgradeRequest } from "../../src/transport/websocket/runtime_socket.ts";
import { listenWebSocket } from "../../src/transport/websocket/listener.ts";
import {
  connectTcp,
  connectTls,
  ended,
  nextOf,
  readBytes,
  RecordingLogger,
  TlsFolder,
  UNHURRIED_SECONDS,
} from "./support.ts";
import { RawWebSocket } from "./websocket_client.ts";

const logger = new RecordingLogger();
const HERE = { hostname: "127.0.0.1", port: 0, logger, handshakeTimeoutSeconds: UNHURRIED_SECONDS };
const MAX_INBOUND_BYTES = 33_554_432;

/** The other end, as bytes only. */
interface Peer {
  send(bytes: Uint8Array): Promise<void>;
  receive(length: number): Promise<Uint8Array>;
  /** Ends the peer's side properly; what still comes can be received. */
  end(): Promise<void>;
  /** Waits for our end. */
  ended(): Promise<void>;
  close(): void;
}

interface Connection extends AsyncDisposable {
  readonly transport: Transport;
  readonly peer: Peer;
}

/**
 * What not every carrier can do: let a peer that has ended its side be written to, hold up the peer of a reader that does
 * not read, go on reading when our side has ended.
 */
type Ability = "half-open" | "backpressure" | "reads after closeWrite";

interface Carrier {
  readonly name: string;
  readonly lacks?: readonly Ability[];
  connect(): Promise<Connection>;
}

const carriers: Carrier[] = [
  { name: "memory", connect: connectMemory },
  { name: "tcp", connect: connectOverTcp },
  { name: "tls", lacks: ["half-open"], connect: () => connectOverTls("off") },
  { name: "mutual tls", lacks: ["half-open"], connect: () => connectOverTls("required") },
  { name: "ws", lacks: ["half-open"], connect: connectOverWebSocket },
  { name: "wss", lacks: ["half-open"], connect: connectOverSecureWebSocket },
  { name: "stream with calls", connect: connectOverConnection },
  { name: "stream of web streams", connect: connectOverWebStreams },
  {
    name: "the runtime's WebSocket",
    lacks: ["half-open", "backpressure", "reads after closeWrite"],
    connect: connectOverUpgrade,
  },
];

for (const carrier of carriers) {
  const can = (ability: Ability) => !carrier.lacks?.includes(ability);
  const test = (title: string, check: (connection: Connection) => Promise<void>) =>
    Deno.test(`${carrier.name}: ${title}`, async () => {
      await using connection = await carrier.connect();
      await check(connection);
    });

  test("bytes go both ways", async ({ transport, peer }) => {
    await peer.send(Uint8Array.of(1, 2, 3));
    assertEquals(await readBytes(transport, 3), Uint8Array.of(1, 2, 3));
    await transport.write(Uint8Array.of(4, 5));
    assertEquals(await peer.receive(2), Uint8Array.of(4, 5));
  });

  test("a read may be smaller than what has come", async ({ transport, peer }) => {
    await peer.send(Uint8Array.of(1, 2, 3, 4, 5));
    assertEquals(await readBytes(transport, 2), Uint8Array.of(1, 2));
    assertEquals(await readBytes(transport, 1), Uint8Array.of(3));
    assertEquals(await readBytes(transport, 2), Uint8Array.of(4, 5));
  });

  test("a buffer may be used again as soon as its write is done", async ({ transport, peer }) => {
    const buffer = new Uint8Array(1000);
    const received = peer.receive(20_000);
    for (let round = 0; round < 20; round++) await transport.write(buffer.fill(round));
    const bytes = await received;
    for (let round = 0; round < 20; round++) {
      assertEquals(bytes.subarray(1000 * round, 1000 * (round + 1)), buffer.fill(round));
    }
  });

  test("a large write arrives whole at a slow reader", async ({ transport, peer }) => {
    const sent = pattern(8_000_000);
    const written = transport.write(sent);
    for (let at = 0; at < sent.length; at += 1_000_000) {
      assertEquals(await peer.receive(1_000_000), sent.subarray(at, at + 1_000_000));
    }
    await written;
  });

  test("a large stream from the peer arrives whole", async ({ transport, peer }) => {
    const sent = pattern(8_000_000);
    const [received] = await Promise.all([readBytes(transport, sent.length), peer.send(sent)]);
    assertEquals(received, sent);
  });

  test("a write waits while the peer does not read", async ({ transport, peer }) => {
    let written = 0;
    const chunk = new Uint8Array(1_000_000);
    const writing = (async () => {
      for (; written < 64; written++) await transport.write(chunk);
    })();
    await peer.receive(1_000_000);
    assertEquals(written < 64, true);
    transport.close();
    await writing.catch(() => {});
    assertEquals(written < 64, true);
  });

  if (can("backpressure")) {
    test("the peer is held up while nobody reads", async ({ transport, peer }) => {
      let sent = 0;
      const chunk = new Uint8Array(1_000_000);
      const sending = (async () => {
        for (; sent < 64; sent++) await peer.send(chunk);
      })();
      await readBytes(transport, 1_000_000);
      assertEquals(sent < 64, true);
      peer.close();
      await sending.catch(() => {});
      assertEquals(sent < 64, true);
    });
  }

  if (carrier.name !== "stream of web streams") {
    test("what the carrier has taken of a write shows while the rest waits", async ({ transport, peer }) => {
      const before = transport.takenBytes!;
      const bytes = 32_000_000;
      const writing = transport.write(new Uint8Array(bytes));
      const half = bytes / 2;
      await peer.receive(half);
      assertEquals(transport.takenBytes! - before >= half, true, "what has arrived was taken");
      await peer.receive(half);
      await writing;
    });
  }

  test("the peer's end is read as null, again and again", async ({ transport, peer }) => {
    await peer.send(Uint8Array.of(7));
    await peer.end();
    assertEquals(await readBytes(transport, 1), Uint8Array.of(7));
    assertEquals(await transport.read(new Uint8Array(8)), null);
    assertEquals(await transport.read(new Uint8Array(8)), null);
  });

  if (can("half-open")) {
    test("a peer that has ended its side can still be written to", async ({ transport, peer }) => {
      await peer.end();
      assertEquals(await transport.read(new Uint8Array(8)), null);
      await transport.write(Uint8Array.of(9));
      assertEquals(await peer.receive(1), Uint8Array.of(9));
    });
  }

  test("everything written before closeWrite arrives, and then the end", async ({ transport, peer }) => {
    const sent = pattern(3_000_000);
    const received = peer.receive(sent.length);
    const written = transport.write(sent);
    const closed = written.then(() => transport.closeWrite());
    assertEquals(await received, sent);
    await peer.ended();
    await closed;
  });

  if (can("reads after closeWrite")) {
    test("the peer can still be read after closeWrite", async ({ transport, peer }) => {
      await peer.send(Uint8Array.of(1));
      await transport.closeWrite();
      assertEquals(await readBytes(transport, 1), Uint8Array.of(1));
    });
  }

  test("nothing can be written after closeWrite, which may be called twice", async ({ transport }) => {
    await transport.closeWrite();
    await transport.closeWrite();
    await assertRejects(() => transport.write(Uint8Array.of(1)));
  });

  test("close ends a pending read", async ({ transport }) => {
    const pending = ended(transport);
    transport.close();
    await pending;
  });

  test("close ends a pending write", async ({ transport }) => {
    const written = transport.write(new Uint8Array(64_000_000));
    transport.close();
    await written.catch(() => {});
  });

  test("close ends the peer", async ({ transport, peer }) => {
    transport.close();
    await peer.ended();
  });

  test("close may be called twice, and nothing can be written after it", async ({ transport }) => {
    transport.close();
    transport.close();
    await assertRejects(() => transport.write(Uint8Array.of(1)));
    await transport.closeWrite();
  });
}

async function connectMemory(): Promise<Connection> {
  const [transport, other] = memoryPair();
  return await Promise.resolve(connectionOf(transport, peerOf(other)));
}

async function connectOverTcp(): Promise<Connection> {
  const listener = await listenTcp(HERE);
  return await connectionThrough(listener, async () => peerOf(await connectTcp(listener)));
}

async function connectOverTls(clientCertificate: "off" | "required"): Promise<Connection> {
  await using folder = new TlsFolder();
  const tls = clientCertificate === "off" ? folder.source() : folder.mutualSource(clientCertificate);
  const listener = await listenTls({ ...HERE, tls });
  const client = folder.authority.issue({ commonName: "client", usage: "client" });
  return await connectionThrough(listener, async () => peerOf(await connectTls(listener, folder.authority, client)));
}

async function connectOverWebSocket(): Promise<Connection> {
  const listener = await listenWebSocket({ ...HERE, maxInboundBytes: MAX_INBOUND_BYTES });
  return await connectionThrough(listener, async () => await webSocketPeer(await connectTcp(listener)));
}

async function connectOverSecureWebSocket(): Promise<Connection> {
  await using folder = new TlsFolder();
  const listener = await listenWebSocket({ ...HERE, maxInboundBytes: MAX_INBOUND_BYTES, tls: folder.source() });
  return await connectionThrough(
    listener,
    async () => await webSocketPeer(await connectTls(listener, folder.authority)),
  );
}

async function connectOverConnection(): Promise<Connection> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const [inner, outer] = await Promise.all([listener.accept(), Deno.connect({ port: listener.addr.port })]);
  listener.close();
  return connectionOf(streamTransport(inner), peerOf(streamTransport(outer)));
}

async function connectOverWebStreams(): Promise<Connection> {
  const there = new TransformStream<Uint8Array, Uint8Array>(undefined, undefined, { highWaterMark: 1 });
  const back = new TransformStream<Uint8Array, Uint8Array>(undefined, undefined, { highWaterMark: 1 });
  const transport = streamTransport({ readable: back.readable, writable: there.writable });
  const peer = peerOf(streamTransport({ readable: there.readable, writable: back.writable }));
  return await Promise.resolve(connectionOf(transport, peer));
}

async function connectOverUpgrade(): Promise<Connection> {
  const accepted = Promise.withResolvers<Transport>();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const { response, transport } = upgradeRequest(request, { maxInboundBytes: MAX_INBOUND_BYTES });
    if (transport) accepted.resolve(transport);
    return response;
  });
  const stream = streamTransport(await Deno.connect({ port: server.addr.port }));
  const peer = await webSocketPeer(stream);
  const connection = connectionOf(await accepted.promise, peer);
  return { ...connection, [Symbol.asyncDispose]: () => (connection[Symbol.asyncDispose](), server.shutdown()) };
}

async function connectionThrough(listener: Listener, connect: () => Promise<Peer>): Promise<Connection> {
  const [transport, peer] = await Promise.all([nextOf(listener[Symbol.asyncIterator]()), connect()]);
  await listener.close();
  return connectionOf(transport, peer);
}

function connectionOf(transport: Transport, peer: Peer): Connection {
  return {
    transport,
    peer,
    [Symbol.asyncDispose]: () => {
      transport.close();
      peer.close();
      return Promise.resolve();
    },
  };
}

function peerOf(transport: Transport): Peer {
  return {
    send: (bytes) => transport.write(bytes),
    receive: (length) => readBytes(transport, length),
    end: () => transport.closeWrite(),
    ended: () => ended(transport),
    close: () => transport.close(),
  };
}

async function webSocketPeer(stream: Transport): Promise<Peer> {
  const client = new RawWebSocket(stream);
  await client.open();
  let waiting = new Uint8Array(0);
  return {
    send: async (bytes) => {
      for (let at = 0; at < bytes.length; at += 60_000) await client.sendFrame(0x82, bytes.subarray(at, at + 60_000));
    },
    receive: async (length) => {
      const pieces = [waiting];
      let count = waiting.length;
      while (count < length) {
        const frame = await client.readFrame();
        if (frame?.opcode !== 2) throw new Error("Expected a binary frame");
        pieces.push(frame.payload as Uint8Array<ArrayBuffer>);
        count += frame.payload.length;
      }
      const all = new Uint8Array(await new Blob(pieces).arrayBuffer());
      waiting = all.slice(length);
      return all.subarray(0, length);
    },
    end: () => client.sendFrame(0x88, Uint8Array.of(0x03, 0xe8)),
    ended: async () => {
      try {
        for (let frame; (frame = await client.readFrame()) && frame.opcode !== 8;);
      } catch {
        // Broken is ended, too.
      }
    },
    close: () => client.close(),
  };
}

function pattern(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at++) bytes[at] = at * 31 + (at >> 8);
  return bytes;
}
