/** What happens to two brokers with a bridge between them, drawn from a seed before it begins, and told in words. */
import type { QoS } from "../../../src/packet/packets.ts";
import { Random } from "../../support/random.ts";
import type { Line } from "../network.ts";
import type { Leaving, Profile } from "../profile.ts";
import type { End } from "./pipe.ts";
import { drawWeighted, type Weighted } from "../weighted.ts";

/** The broker that has the bridge, and the one that it leads to. */
export type Side = "here" | "there";
export const sides: readonly Side[] = ["here", "there"];

/** One of the topics of the bridge. */
export interface Crossing {
  readonly root: "both" | "in" | "kept" | "out";
  readonly direction: "both" | "in" | "out";
  readonly qos: QoS;
  readonly localPrefix: string;
  readonly remotePrefix: string;
}

/** What happens to the link. */
export type LinkEvent =
  | { readonly type: "cut" }
  | { readonly type: "vanish" }
  | { readonly type: "cut-for"; readonly end: End }
  | { readonly type: "freeze"; readonly ms: number }
  | { readonly type: "away"; readonly ms: number };

/** Something that happens. */
type Happening =
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
  }
  | { readonly type: "stall"; readonly client: number; readonly ms: number }
  | { readonly type: "latency"; readonly side: Side; readonly ms: number }
  | { readonly type: "fail"; readonly side: Side; readonly ms: number; readonly kind: "full" | "io" }
  | { readonly type: "crash" | "shutdown"; readonly side: Side; readonly downMs: number }
  | { readonly type: "reconnect" }
  | { readonly type: "pause"; readonly ms: number }
  | LinkEvent;

export type BridgedAction = Happening & { readonly atMs: number };

/** A client, and whose it is. */
export interface Member {
  readonly side: Side;
  readonly profile: Profile;
}

/** A run: the world as it is at the beginning, and what happens in it. */
export interface BridgedSchedule {
  readonly seed: number;
  readonly version: "auto" | "5" | "3.1.1";
  readonly start: "automatic" | "lazy";
  readonly keepAlive: number;
  readonly queueQos0: boolean;
  readonly crossings: readonly Crossing[];
  readonly queueLimit: number;
  readonly maxInflight: Readonly<Record<Side, number>>;
  /** Milliseconds that a broker takes for a thousand steps of work. */
  readonly slowness: number;
  /** Of the bridge. */
  readonly line: Line;
  /** The link is there from the beginning. */
  readonly isLinked: boolean;
  /** The first of each side subscribes to all and publishes nothing. */
  readonly members: readonly Member[];
  readonly actions: readonly BridgedAction[];
}

/** Enough for all that is published in a run. */
export const AMPLE = 100_000;

/** Draws a run. */
export function drawBridgedSchedule(seed: number): BridgedSchedule {
  const random = new Random(seed);
  const members = sides.flatMap((side) =>
    Array.from({ length: 1 + random.between(1, 3) }, (_, i) => ({ side, profile: drawProfile(random, side, i) }))
  );
  const crossings = drawCrossings(random);
  const world = {
    version: random.pick(["auto", "5", "3.1.1"] as const),
    start: random.pick(["automatic", "automatic", "automatic", "lazy"] as const),
    keepAlive: random.pick([2, 5, 20]),
    queueQos0: random.chance(0.5),
    queueLimit: random.chance(0.15) ? random.between(2, 20) : AMPLE,
    maxInflight: { here: random.pick([1, 2, 10, 1000]), there: random.pick([1, 2, 10, 1000]) },
    slowness: random.pick([1, 1, 10, 50]),
    line: drawLine(random),
    isLinked: random.chance(0.8),
  };
  const actions = new Drawer(random, members, crossings).all(random.between(20, 200));
  return { seed, ...world, crossings, members, actions };
}

function drawProfile(random: Random, side: Side, index: number): Profile {
  return {
    name: `${side[0]}${index}`,
    version: random.chance(0.4) ? 4 : 5,
    expirySeconds: 1_000_000,
    receiveMaximum: random.pick([1, 5, 65_535]),
    topicAliasMaximum: random.pick([0, 2]),
    keepAliveSeconds: random.pick([0, 20]),
    returnsAfterMs: random.between(200, 4000),
    line: drawLine(random),
  };
}

function drawLine(random: Random): Line {
  return {
    delayMs: random.pick([0, 1, 20, 200]),
    jitterMs: random.pick([0, 5, 50]),
    pieceBytes: random.pick([1, 7, 65_536, 65_536]),
    windowBytes: random.pick([100, 2000, 65_536]),
  };
}

function drawCrossings(random: Random): Crossing[] {
  const prefix = (name: string) => random.pick(["", name]);
  return [
    { root: "out", direction: "out", qos: random.pick([0, 1, 2, 2]), localPrefix: "", remotePrefix: prefix("far/") },
    { root: "in", direction: "in", qos: random.pick([0, 1, 2, 2]), localPrefix: prefix("near/"), remotePrefix: "" },
    {
      root: "both",
      direction: "both",
      qos: random.pick([0, 1, 2, 2]),
      localPrefix: prefix("l/"),
      remotePrefix: prefix("r/"),
    },
    { root: "kept", direction: "both", qos: random.pick([1, 2]), localPrefix: "", remotePrefix: prefix("m/") },
  ];
}

class Drawer {
  readonly #random: Random;
  readonly #members: readonly Member[];
  readonly #crossings: readonly Crossing[];
  readonly #kinds: Weighted<Happening>;
  #atMs = 0;

  constructor(random: Random, members: readonly Member[], crossings: readonly Crossing[]) {
    this.#random = random;
    this.#members = members;
    this.#crossings = crossings;
    const client = () => random.between(0, members.length - 1);
    const publishers = members.flatMap(({ profile }, i) => profile.name.endsWith("0") ? [] : [i]);
    const side = () => random.pick(sides);
    // Some runs are without some kinds, so that others come up together more often.
    const often = (weight: number) => random.chance(0.7) ? weight : 0;
    this.#kinds = [
      [20, () => this.#publish(random.pick(publishers))],
      [often(6), () => this.#retain(random.pick(publishers))],
      [often(1), () => this.#leave(client())],
      [often(0.5), () => ({ type: "stall", client: client(), ms: random.between(100, 8000) })],
      [often(1), () => ({ type: "latency", side: side(), ms: random.pick([0, 3, 30, 400]) })],
      [often(0.5), () => this.#fail(side())],
      [often(1), () => ({ type: "crash", side: side(), downMs: random.pick([10, 500, 5000, 60_000]) })],
      [often(0.5), () => ({ type: "shutdown", side: side(), downMs: random.pick([10, 500, 5000]) })],
      [often(1.5), () => ({ type: "cut" })],
      [often(1), () => ({ type: "cut-for", end: random.pick(["caller", "called"] as const) })],
      [often(0.7), () => ({ type: "vanish" })],
      [often(1), () => ({ type: "freeze", ms: random.pick([50, 500, 5000, 40_000, 200_000]) })],
      [often(1), () => ({ type: "away", ms: random.pick([500, 5000, 60_000]) })],
      [often(0.5), () => ({ type: "reconnect" })],
      [often(0.5), () => ({ type: "pause", ms: random.pick([100, 5000]) })],
    ];
  }

  all(count: number): BridgedAction[] {
    return Array.from({ length: count }, () => ({ atMs: this.#next(), ...this.#any() }));
  }

  #next(): number {
    const random = this.#random;
    this.#atMs += random.pick([0, 1, 10, 100, 100, 300, 1000, 3000]) + (random.chance(0.02) ? 40_000 : 0);
    return this.#atMs;
  }

  #any(): Happening {
    return drawWeighted(this.#random, this.#kinds) ?? { type: "cut" };
  }

  #leave(client: number): Happening {
    return { type: "leave", client, how: this.#random.pick(["disconnect", "close", "cut", "vanish"] as const) };
  }

  /** To one of the bridge's topics, as it is called where the client is; some of them cross the other way only. */
  #publish(client: number): Happening {
    const random = this.#random;
    const crossing = random.pick(this.#crossings.filter(({ root }) => root !== "kept"));
    return {
      type: "publish",
      client,
      topicName: `${this.#prefixOf(crossing, client)}${crossing.root}/${random.between(0, 1)}`,
      qos: random.pick([0, 1, 1, 2, 2]),
      count: random.pick([1, 1, 2, 5, 20]),
      bytes: random.pick([0, 0, 0, 300, 5000]),
      retain: false,
      clears: false,
    };
  }

  /** Every client has its own topics for that, one for each QoS, so that what is last is known. */
  #retain(client: number): Happening {
    const random = this.#random;
    const qos = random.pick([1, 2] as const);
    const crossing = this.#crossings.find(({ root }) => root === "kept")!;
    const topicName = `${this.#prefixOf(crossing, client)}kept/${this.#members[client]!.profile.name}/${qos}`;
    const clears = random.chance(0.25);
    return { type: "publish", client, topicName, qos, count: random.pick([1, 3]), bytes: 0, retain: true, clears };
  }

  #prefixOf({ localPrefix, remotePrefix }: Crossing, client: number): string {
    return this.#members[client]!.side === "here" ? localPrefix : remotePrefix;
  }

  #fail(side: Side): Happening {
    const random = this.#random;
    return { type: "fail", side, ms: random.pick([100, 2500, 10_000]), kind: random.pick(["full", "io"] as const) };
  }
}

/** The run in words, one line for each thing. */
export function tellBridged(schedule: BridgedSchedule): string {
  const { seed, version, start, keepAlive, queueQos0, queueLimit, maxInflight, slowness, line, isLinked } = schedule;
  const { crossings, members, actions } = schedule;
  return [
    `seed ${seed}: version ${version}, ${start}, keep-alive ${keepAlive} s, queue-qos0 ${queueQos0}, ` +
    `queue-limit ${queueLimit}, max-inflight ${maxInflight.here} here and ${maxInflight.there} there, ` +
    `${slowness} µs a step, ${tellLine(line)}${isLinked ? "" : ", no link at first"}`,
    ...crossings.map(({ root, direction, qos, localPrefix, remotePrefix }) =>
      `${localPrefix}${root}/# here is ${remotePrefix}${root}/# there, ${direction}, QoS ${qos}`
    ),
    ...members.map(({ profile: { name, version, receiveMaximum, line } }) =>
      `${name}: ${version === 5 ? "5.0" : "3.1.1"}, receive maximum ${receiveMaximum}, ${tellLine(line)}`
    ),
    ...actions.map((action) => `${(action.atMs / 1000).toFixed(3).padStart(9)} s  ${tellAction(action, members)}`),
  ].join("\n");
}

function tellLine({ delayMs, jitterMs, pieceBytes, windowBytes }: Line): string {
  return `${delayMs} to ${delayMs + jitterMs} ms each way, ${pieceBytes} B at once, window ${windowBytes} B`;
}

function tellAction(action: BridgedAction, members: readonly Member[]): string {
  const name = "client" in action ? members[action.client]!.profile.name : "";
  switch (action.type) {
    case "publish": {
      const { topicName, qos, count, retain, clears } = action;
      if (clears) return `${name} clears ${topicName} at QoS ${qos}, ${count} times`;
      return `${name} publishes ${count} to ${topicName} at QoS ${qos}${retain ? ", retained" : ""}`;
    }
    case "leave":
      return `${name} leaves: ${action.how}`;
    case "stall":
      return `${name} takes nothing for ${action.ms} ms`;
    case "latency":
      return `the store ${action.side} takes up to ${action.ms} ms a commit`;
    case "fail":
      return `the store ${action.side} fails (${action.kind}) for ${action.ms} ms`;
    case "crash":
      return `the broker ${action.side} is killed, and starts again after ${action.downMs} ms`;
    case "shutdown":
      return `the broker ${action.side} is shut down, and starts again ${action.downMs} ms later`;
    case "cut":
      return "the link breaks";
    case "vanish":
      return "the link breaks, and nobody is told";
    case "cut-for":
      return `the link breaks, and the ${action.end} is told alone`;
    case "freeze":
      return `the link stands still for ${action.ms} ms`;
    case "away":
      return `the link is away for ${action.ms} ms`;
    case "reconnect":
      return "the bridge is told to connect anew";
    case "pause":
      return `the bridge is paused for ${action.ms} ms`;
  }
}
