/** The memory of the broker's process while clients fill what they can. One broker at a time: they would disturb each other. */
import { assert } from "@std/assert";
import { BrokerProcess } from "../crash/broker_process.ts";
import { concat, packetOf, string, u16, u32, varint } from "../support/client_codec.ts";

const MIB = 2 ** 20;
const CEILING_BYTES = 128 * MIB;
const LOOK_MS = 50;
const LOOKS = 200;

/** A thousand empty user properties: 20 times as much as objects. */
const USER_PROPERTIES = new Uint8Array(5000).map((_, index) => index % 5 === 0 ? 0x26 : 0);
const LASTING = concat(0x11, u32(1000));

const PINGREQ = Uint8Array.of(0xc0, 0);

interface SignIn {
  readonly version?: 4 | 5;
  readonly properties?: Uint8Array;
  readonly will?: Uint8Array;
}

function connect(identifier: string, { version = 5, properties = new Uint8Array(), will }: SignIn = {}): Uint8Array {
  const block = version === 5 ? concat(varint(properties.length), properties) : new Uint8Array();
  const flags = properties === LASTING ? 0 : 2;
  return packetOf(
    0x10,
    string("MQTT"),
    [version, flags | (will ? 4 : 0), 0, 0],
    block,
    string(identifier),
    will ?? [],
  );
}

/** Opens connections to one broker, which all end with the test. */
class Attack {
  readonly #port: number;
  readonly #connections: Deno.Conn[] = [];

  constructor(port: number) {
    this.#port = port;
  }

  /** @returns a connection on which this was said; an answer was waited for */
  async open(said: Uint8Array): Promise<Deno.Conn> {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port: this.#port });
    this.#connections.push(connection);
    await say(connection, said);
    await connection.read(new Uint8Array(64)).catch(() => null);
    return connection;
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }
}

/** The broker may have cut the connection. @returns false: it has */
async function say(connection: Deno.Conn, bytes: Uint8Array): Promise<boolean> {
  try {
    for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
    return true;
  } catch {
    return false;
  }
}

async function fill(connection: Deno.Conn, times: number, make: (index: number) => Uint8Array): Promise<void> {
  for (let index = 0; index < times; index++) if (!await say(connection, make(index))) return;
}

const kinds: Readonly<Record<string, (attack: Attack) => Promise<void>>> = {
  async "packets that are not whole"(attack) {
    for (let i = 0; i < 40; i++) {
      const connection = await attack.open(connect(`c${i}`));
      await say(connection, concat(0x30, varint(15 * MIB), string("t"), new Uint8Array(6 * MIB)));
    }
  },
  async "wills with their properties"(attack) {
    const properties = concat(varint(USER_PROPERTIES.length), USER_PROPERTIES);
    const will = concat(properties, string("w"), u16(60_000), new Uint8Array(60_000));
    for (let i = 0; i < 3000; i++) await attack.open(connect(`c${i}`, { will }));
  },
  async "user properties of clients"(attack) {
    for (let i = 0; i < 1500; i++) await attack.open(connect(`c${i}`, { properties: USER_PROPERTIES }));
  },
  async "subscriptions with many levels"(attack) {
    for (let i = 0; i < 20; i++) {
      const connection = await attack.open(connect(`c${i}`));
      await fill(connection, 20, (j) => {
        const filters = Array.from({ length: 100 }, (_, k) => concat(string(`${i}x${j}x${k}${"/".repeat(198)}a`), 0));
        return packetOf(0x82, [0, 1, 0], ...filters);
      });
    }
  },
  async "QoS 2 messages of 3.x that are held"(attack) {
    for (let i = 0; i < 6; i++) {
      const connection = await attack.open(connect(`c${i}`, { version: 4 }));
      await fill(
        connection,
        60,
        (j) =>
          concat(
            ...Array.from({ length: 1000 }, (_, k) =>
              packetOf(0x34, string("t"), u16(1 + j * 1000 + k), new Uint8Array(500))),
          ),
      );
    }
  },
  async "small messages that wait"(attack) {
    for (let i = 0; i < 40; i++) {
      const connection = await attack.open(connect(`s${i}`, { properties: LASTING }));
      await say(connection, packetOf(0x82, [0, 1, 0], string(`t/${i}`), 1));
      await connection.read(new Uint8Array(64));
      connection.closeWrite();
    }
    const publisher = await attack.open(connect("p"));
    const batch = concat(...Array.from({ length: 40 }, (_, i) => packetOf(0x32, string(`t/${i}`), [0, 1, 0, 0x78])));
    await Promise.all([fill(publisher, 10_000, () => batch).then(() => say(publisher, PINGREQ)), answered(publisher)]);
  },
  async "messages with many user properties that wait"(attack) {
    for (let i = 0; i < 8; i++) {
      const connection = await attack.open(connect(`s${i}`, { properties: LASTING }));
      await say(connection, packetOf(0x82, [0, 1, 0], string("t"), 1));
      await connection.read(new Uint8Array(64));
      connection.closeWrite();
    }
    const publisher = await attack.open(connect("p"));
    const properties = concat(varint(USER_PROPERTIES.length), USER_PROPERTIES);
    const message = packetOf(0x32, string("t"), [0, 1], properties, 0x78);
    await Promise.all([
      fill(publisher, 15_000, () => message).then(() => say(publisher, PINGREQ)),
      answered(publisher),
    ]);
  },
};

/** Takes answers until that to a PINGREQ, or the end. */
async function answered(connection: Deno.Conn): Promise<void> {
  const room = new Uint8Array(65_536);
  for (let count: number | null = 0; count !== null; count = await connection.read(room).catch(() => null)) {
    if (count >= 2 && room[count - 2] === 0xd0) return;
  }
}

for (const [kind, attackWith] of Object.entries(kinds)) {
  Deno.test({
    name: `The process stays below 1.5 times max-total-bytes, whatever there is of ${kind}`,
    ignore: Deno.build.os !== "linux",
    fn: async () => {
      const file = await Deno.makeTempFile({ suffix: ".yaml" });
      await Deno.writeTextFile(file, config);
      const broker = new BrokerProcess(file);
      await broker.start();
      const attack = new Attack(broker.port);
      try {
        const emptyBytes = await residentBytes(broker.pid);
        await attackWith(attack);
        // The messages that were sent last are on their way.
        await attack.open(connect("after"));
        const most = 1.5 * CEILING_BYTES;
        // What the last bytes have left as garbage may lie until the broker's next look.
        let grownBytes = await residentBytes(broker.pid) - emptyBytes;
        assert(grownBytes < 2 * most, `it has grown by ${Math.round(grownBytes / MIB)} MiB`);
        for (let looks = 0; grownBytes > most && looks < LOOKS; looks++) {
          await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
          grownBytes = await residentBytes(broker.pid) - emptyBytes;
        }
        assert(grownBytes < most, `it has grown by ${Math.round(grownBytes / MIB)} MiB`);
      } finally {
        attack.close();
        await broker.end("SIGKILL");
        await Deno.remove(file);
      }
    },
  });
}

const config = JSON.stringify({
  listeners: { default: { type: "tcp" }, tcp: { bind: "127.0.0.1:0" } },
  auth: { plugins: ["auth.anonymous"], "allow-anonymous": true },
  plugins: [],
  "sys-interval": 0,
  "max-total-bytes": CEILING_BYTES,
});

async function residentBytes(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1]) * 1024;
}
