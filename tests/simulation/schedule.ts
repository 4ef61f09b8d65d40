/** What happens in a run, drawn from its seed before it begins, and told in words. */
import type { QoS } from "../../src/packet/packets.ts";
import { Random } from "../support/random.ts";
import type { ConnectWish, Leaving, Profile } from "./profile.ts";
import type { Line } from "./network.ts";
import { drawTheme, LONG_SECONDS, type Theme } from "./themes.ts";
import { drawWeighted, type Weighted } from "./weighted.ts";

/** Something that happens. */
export type Happening =
  | { readonly type: "connect"; readonly client: number; readonly wish: ConnectWish }
  | { readonly type: "leave"; readonly client: number; readonly how: Leaving }
  | {
    readonly type: "publish";
    readonly client: number;
    readonly topicName: string;
    readonly qos: QoS;
    readonly count: number;
    readonly bytes: number;
    readonly retain: boolean;
    readonly clears: boolean;
    readonly expirySeconds?: number;
  }
  | {
    readonly type: "subscribe";
    readonly client: number;
    readonly filter: string;
    readonly qos: QoS;
    readonly noLocal: boolean;
  }
  | { readonly type: "unsubscribe"; readonly client: number; readonly filter: string }
  | { readonly type: "pause"; readonly client: number; readonly ms: number }
  | { readonly type: "acknowledge-late"; readonly client: number; readonly ms: number }
  | { readonly type: "hostile"; readonly kind: HostileKind; readonly salt: number }
  | { readonly type: "latency"; readonly ms: number }
  | { readonly type: "fail"; readonly ms: number; readonly kind: "full" | "io"; readonly written: boolean }
  | { readonly type: "crash"; readonly downMs: number }
  | { readonly type: "shutdown"; readonly downMs: number }
  | { readonly type: "step"; readonly ms: number };

export const hostileKinds = ["garbage", "half-connect", "huge-length", "wrong-acknowledgement", "flood"] as const;
export type HostileKind = typeof hostileKinds[number];

export type Action = Happening & { readonly atMs: number };

/** A run: the world as it is at the beginning, and what happens in it. */
export interface Schedule {
  readonly seed: number;
  readonly profiles: readonly Profile[];
  readonly queueLimit: number;
  readonly maxInflight: number;
  /** Milliseconds that the broker takes for a thousand steps of work. */
  readonly slowness: number;
  /** Subscribers inside the broker that get everything; 0: there are none. */
  readonly crowd: number;
  readonly actions: readonly Action[];
}

/** Draws a run. */
export function drawSchedule(seed: number): Schedule {
  const random = new Random(seed);
  const theme = drawTheme(random);
  const profiles = Array.from(
    { length: random.between(theme.fewestClients, 6) },
    (_, i) => drawThemed(random, i, theme),
  );
  const isTight = random.chance(0.15);
  const draw = new Drawer(random, profiles, theme);
  const world = {
    queueLimit: isTight ? random.between(2, 8) : 10_000,
    maxInflight: random.pick([2, 10, 1000]),
    slowness: random.pick([1, 1, 10, 50]),
  };
  const actions = draw.all(random.between(30, 250));
  const crowd = !isTight && random.chance(0.1) ? random.between(2000, 3000) : 0;
  return { seed, profiles, ...world, actions, crowd };
}

function drawThemed(random: Random, index: number, theme: Theme): Profile {
  const profile = theme.profile(drawProfile(random, index), random);
  const isLimited = random.chance(theme.limitedChance) && profile.version === 5;
  if (index < theme.staying) return { ...profile, expirySeconds: LONG_SECONDS };
  return isLimited ? { ...profile, maximumPacketBytes: random.pick([200, 1000]) } : profile;
}

export function drawProfile(random: Random, index: number): Profile {
  const version = random.chance(0.4) ? 4 : 5;
  const shortSeconds = random.chance(0.2) && version === 5 ? random.between(3, 30) : LONG_SECONDS;
  return {
    name: `c${index}`,
    version,
    expirySeconds: random.chance(0.25) ? 0 : shortSeconds,
    receiveMaximum: random.pick([1, 2, 5, 65_535]),
    topicAliasMaximum: random.pick([0, 0, 2]),
    keepAliveSeconds: random.pick([0, 0, 4, 20]),
    returnsAfterMs: random.chance(0.4) ? random.between(200, 4000) : undefined,
    line: drawLine(random),
  };
}

export function drawLine(random: Random): Line {
  return {
    delayMs: random.pick([0, 1, 20, 200]),
    jitterMs: random.pick([0, 5, 50]),
    pieceBytes: random.pick([1, 7, 65_536, 65_536]),
    windowBytes: random.pick([100, 2000, 65_536]),
  };
}

class Drawer {
  readonly #random: Random;
  readonly #profiles: readonly Profile[];
  readonly #theme: Theme;
  readonly #kinds: Weighted<Happening>;
  #atMs = 0;
  /** Who is likely to be connected. */
  readonly #present = new Set<number>();

  constructor(random: Random, profiles: readonly Profile[], theme: Theme) {
    this.#random = random;
    this.#profiles = profiles;
    this.#theme = theme;
    const client = () => random.between(0, profiles.length - 1);
    // Some runs are without some kinds, so that others come up together more often.
    const often = (weight: number) => random.chance(0.7) ? weight : 0;
    const times = (kind: keyof Theme["often"], weight: number) => weight * (theme.often[kind] ?? 1);
    this.#kinds = [
      [2, () => this.#connect(client())],
      [times("leave", 3), () => ({ type: "leave", client: client(), how: this.#leaving() })],
      [16, () => this.#publish(client())],
      [times("retain", often(5)), () => this.#retain(client())],
      [times("subscribe", 6), () => this.#subscribe(client())],
      [often(1.5), () => ({ type: "unsubscribe", client: client(), filter: this.#filter(client()) })],
      [often(1), () => ({ type: "pause", client: client(), ms: random.between(100, 8000) })],
      [times("acknowledge-late", often(1)), () => this.#acknowledgeLate(client())],
      [often(0.7), () => ({ type: "hostile", kind: random.pick(hostileKinds), salt: random.between(0, 1e6) })],
      [often(1), () => ({ type: "latency", ms: random.pick([0, 3, 30, 400]) })],
      [often(0.7), () => this.#fail()],
      [times("crash", often(1)), () => ({ type: "crash", downMs: random.pick([10, 500, 5000]) })],
      [often(0.5), () => ({ type: "shutdown", downMs: random.pick([10, 500, 5000]) })],
      [often(0.5), () => ({ type: "step", ms: random.pick([-86_400_000, -5000, 60_000, 864_000_000]) })],
    ];
  }

  all(count: number): Action[] {
    const actions: Action[] = [];
    this.#profiles.forEach((_, client) => actions.push({ atMs: this.#next(), ...this.#connect(client) }));
    this.#profiles.forEach((_, client) => actions.push({ atMs: this.#next(), ...this.#subscribe(client) }));
    while (actions.length < count) {
      const one = this.#any();
      // Who is away can do nothing but come.
      const isAway = "client" in one && !this.#present.has(one.client);
      actions.push({ atMs: this.#next(), ...isAway ? this.#connect(one.client) : one });
      if (one.type === "leave") this.#present.delete(one.client);
    }
    return actions;
  }

  #next(): number {
    const random = this.#random;
    this.#atMs += random.pick([0, 1, 10, 100, 100, 300, 1000, 3000]) + (random.chance(0.02) ? 40_000 : 0);
    return this.#atMs;
  }

  #any(): Happening {
    return drawWeighted(this.#random, this.#kinds) ?? this.#connect(0);
  }

  #connect(client: number): Happening {
    const random = this.#random;
    this.#present.add(client);
    const isTransient = this.#profiles[client]!.expirySeconds === 0;
    const { cleanChance, staying } = this.#theme;
    const clean = isTransient || random.chance(client < staying ? 0 : cleanChance);
    const willDelay = random.chance(0.5) ? random.pick([0, 0, 2, 30]) : undefined;
    return { type: "connect", client, wish: { clean, willDelay } };
  }

  #leaving(): Leaving {
    return this.#random.pick(["disconnect", "disconnect", "disconnect-with-will", "close", "cut", "cut", "vanish"]);
  }

  #acknowledgeLate(client: number): Happening {
    return { type: "acknowledge-late", client, ms: this.#random.pick([0, 50, 1000, 5000]) };
  }

  #publish(client: number): Happening {
    const random = this.#random;
    return {
      type: "publish",
      client,
      topicName: `${random.pick(this.#theme.topicRoots)}/${random.between(0, 2)}`,
      qos: random.pick([0, 1, 1, 2, 2]),
      count: random.pick(this.#theme.counts),
      bytes: random.pick(this.#theme.bytes),
      retain: false,
      clears: false,
      ...random.chance(0.1) && { expirySeconds: random.pick([0, 1, 5, 60]) },
    };
  }

  /** Every client has its own topics for that, one for each QoS, so that what is last is known. */
  #retain(client: number): Happening {
    const random = this.#random;
    const qos = random.pick([1, 2] as const);
    const topicName = `r/c${client}/${qos}`;
    const clears = random.chance(0.15);
    return { type: "publish", client, topicName, qos, count: random.pick([1, 3]), bytes: 0, retain: true, clears };
  }

  #subscribe(client: number): Happening {
    const random = this.#random;
    const noLocal = random.chance(0.1) && this.#profiles[client]!.version === 5;
    const filter = this.#filter(client);
    const qos = random.pick(this.#theme.atMostOnce ? [0, 1, 1, 2, 2, 2] as const : [1, 2] as const);
    return { type: "subscribe", client, filter, qos, noLocal: noLocal && !filter.startsWith("$") };
  }

  /** A client's filters do not overlap: what comes for which is known then. */
  #filter(client: number): string {
    const random = this.#random;
    const root = random.pick(this.#theme.filterRoots);
    if (root === "s") return `$share/g${client % this.#theme.groups}/s/+`;
    if (root === "r") return "r/#";
    return client % 3 === 0 ? `${root}/#` : `${root}/${random.between(0, 2)}`;
  }

  #fail(): Happening {
    const random = this.#random;
    const kind = random.pick(["full", "io"] as const);
    return { type: "fail", ms: random.pick([100, 2500, 10_000]), kind, written: random.chance(0.3) };
  }
}

/** The run in words, one line for each thing. */
export function tell({ seed, profiles, queueLimit, maxInflight, slowness, crowd, actions }: Schedule): string {
  const involved = new Set(actions.flatMap((action) => "client" in action ? [action.client] : []));
  return [
    `seed ${seed}: queue-limit ${queueLimit}, max-inflight ${maxInflight}, ${slowness} µs a step, a crowd of ${crowd}`,
    ...profiles.filter((_, i) => involved.has(i)).map(tellProfile),
    ...actions.map((action) => `${(action.atMs / 1000).toFixed(3).padStart(9)} s  ${tellAction(action)}`),
  ].join("\n");
}

export function tellProfile(
  { name, version, expirySeconds, receiveMaximum, maximumPacketBytes, keepAliveSeconds, returnsAfterMs, line }: Profile,
) {
  const session = expirySeconds === 0 ? "ends with its connection" : `lives ${expirySeconds} s`;
  const back = returnsAfterMs === undefined ? "" : `, comes back by itself after ${returnsAfterMs} ms`;
  const size = maximumPacketBytes === undefined ? "" : `packets of ${maximumPacketBytes} B at most, `;
  const delays = `${line.delayMs} to ${line.delayMs + line.jitterMs} ms each way`;
  return `${name}: ${version === 5 ? "5.0" : "3.1.1"}, session ${session}, receive maximum ${receiveMaximum}, ${size}` +
    `keep-alive ${keepAliveSeconds} s${back}, ${delays}, ${line.pieceBytes} B at once, window ${line.windowBytes} B`;
}

export function tellAction(action: Happening): string {
  switch (action.type) {
    case "connect": {
      const { clean, willDelay } = action.wish;
      const will = willDelay === undefined ? "" : `, with a will (delay ${willDelay} s)`;
      return `c${action.client} connects${clean ? " with a clean start" : ""}${will}`;
    }
    case "leave":
      return `c${action.client} leaves: ${action.how}`;
    case "publish": {
      const { client, topicName, qos, count, retain, clears, expirySeconds } = action;
      const expiry = expirySeconds === undefined ? "" : `, expiring after ${expirySeconds} s`;
      if (clears) return `c${client} clears ${topicName} at QoS ${qos}, ${count} times`;
      return `c${client} publishes ${count} to ${topicName} at QoS ${qos}${retain ? ", retained" : ""}${expiry}`;
    }
    case "subscribe": {
      const local = action.noLocal ? ", No Local" : "";
      return `c${action.client} subscribes to ${action.filter} at QoS ${action.qos}${local}`;
    }
    case "unsubscribe":
      return `c${action.client} unsubscribes from ${action.filter}`;
    case "pause":
      return `c${action.client} takes nothing for ${action.ms} ms`;
    case "acknowledge-late":
      return `c${action.client} acknowledges after ${action.ms} ms from now on`;
    case "hostile":
      return `somebody comes with bad intent: ${action.kind} (${action.salt})`;
    case "latency":
      return `the store takes up to ${action.ms} ms a commit`;
    case "fail": {
      const written = action.written ? ", though what it is given is written" : "";
      return `the store fails (${action.kind}) for ${action.ms} ms${written}`;
    }
    case "crash":
      return `the broker is killed, and starts again after ${action.downMs} ms`;
    case "shutdown":
      return `the broker is shut down, and starts again ${action.downMs} ms later`;
    case "step":
      return `the wall clock is set by ${action.ms} ms`;
  }
}
