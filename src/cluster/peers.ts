/** The other nodes that live: links to them, and what their clients are subscribed to. */
import type { DropReason, Message } from "../message.ts";
import type { TopicNames } from "../packet/topic_names.ts";
import type { Router } from "../routing/router.ts";
import type { Subscriptions } from "../topics/subscriptions.ts";
import type { Chores, WorkBudget } from "../work_budget.ts";
import type { Life } from "./cluster_state.ts";
import type { Connections } from "./connections.ts";
import type { CarriedMessage, GroupName, RouteChange } from "./frames.ts";
import { Link, type LinkObserver, type LinkParts, type Seat } from "./link.ts";
import { RemoteRoutes } from "./remote_node.ts";
import { LocalRoutes } from "./routes.ts";

/** How often nodes compare what they were told. */
const DIGEST_MS = 10_000;

/** What {@linkcode Peers} work with. */
export interface PeersParts extends Pick<LinkParts, "spokenAt">, Pick<LinkObserver, "readUpTo"> {
  readonly router: Pick<Router, "publish" | "publishToGroup" | "handOver">;
  readonly subscriptions: Subscriptions;
  readonly work: WorkBudget;
  readonly chores: Pick<Chores, "add">;
  readonly maximumBytes: number;
  readonly failureTimeoutMs: number;
  now(): number;
  soon(run: () => void): void;
  connections(): Connections;
  names: TopicNames;
  onDrop(message: Message, reason: DropReason): void;
  /** A peer has told what its clients are subscribed to. */
  onKnown(): void;
  /** Another node asks something. */
  onRequest(peer: Life, question: Uint8Array): Promise<Uint8Array>;
}

interface Peer {
  readonly link: Link;
  readonly routes: RemoteRoutes;
  /** What had come and gone over the link at the last look, and since when no more has. */
  bytesBefore: number;
  quietSinceMs: number;
  /** Since when there is no connection, or the last way through the log was tried. */
  cutSinceMs: number;
}

/** All peers of one life of this node. */
export class Peers implements LinkObserver {
  readonly #parts: PeersParts;
  readonly #peers = new Map<string, Peer>();
  readonly #local: LocalRoutes;
  #toldAtMs: number;

  constructor(parts: PeersParts) {
    this.#parts = parts;
    this.#toldAtMs = parts.now();
    this.#local = new LocalRoutes(() => parts.soon(() => this.#tellChanges()));
    parts.subscriptions.watcher = this.#local;
  }

  /** By name. */
  *links(): Generator<Link> {
    for (const { link } of this.#peers.values()) yield link;
  }

  /** The link to a node; `undefined`: it does not live. */
  link(node: string): Link | undefined {
    return this.#peers.get(node)?.link;
  }

  /** All peers have told what their clients are subscribed to. */
  get areKnown(): boolean {
    return [...this.links()].every(({ hasRoutes }) => hasRoutes);
  }

  /** A life of another node has begun. @param isOlder that was before this node's */
  add(peer: Life, address: string, isOlder: boolean): void {
    this.remove(peer.node);
    const { work, maximumBytes, now, soon, names, subscriptions, spokenAt } = this.#parts;
    const link = new Link({ peer, work, maximumBytes, now, soon, names, spokenAt, observer: this });
    const routes = new RemoteRoutes(link, subscriptions, isOlder);
    this.#peers.set(peer.node, { link, routes, bytesBefore: 0, quietSinceMs: now(), cutSinceMs: now() });
    this.#tellChanges();
    link.tellRoutes(this.#local.all(), true);
    this.#tellDigest(link);
    this.#parts.connections().add(link, address);
  }

  /** A node's life is over: nobody waits for it, and nothing goes there. */
  remove(node: string): void {
    const peer = this.#peers.get(node);
    if (peer === undefined) return;
    this.#peers.delete(node);
    this.#parts.connections().remove(peer.link);
    peer.link.end();
    this.#parts.chores.add(peer.routes.remove());
  }

  /** This node's life is over. */
  clear(): void {
    for (const node of [...this.#peers.keys()]) this.remove(node);
  }

  /** Resolves when all peers know what clients here are subscribed to; `undefined`: they do. */
  routesTaken(): Promise<void> | undefined {
    this.#tellChanges();
    const waits = Array.from(this.links(), (link) => link.routesTaken()).filter((wait) => wait !== undefined);
    return waits.length > 0 ? Promise.all(waits).then(() => {}) : undefined;
  }

  /** Called regularly. */
  tick(): void {
    const nowMs = this.#parts.now();
    for (const peer of this.#peers.values()) this.#lookAfter(peer, nowMs);
    if (nowMs - this.#toldAtMs < DIGEST_MS) return;
    this.#toldAtMs = nowMs;
    for (const link of this.links()) this.#tellDigest(link);
  }

  /** A connection over which nothing moves though something is to be answered is broken, whatever the system says. */
  #lookAfter(peer: Peer, nowMs: number): void {
    const { link, bytesBefore } = peer;
    const bytes = link.bytesReceived + link.bytesSent;
    if (bytes !== bytesBefore || !link.waits || !link.connected) peer.quietSinceMs = nowMs;
    peer.bytesBefore = bytes;
    const { failureTimeoutMs, connections } = this.#parts;
    if (nowMs - peer.quietSinceMs >= failureTimeoutMs) link.breakOff();
    if (link.connected) peer.cutSinceMs = nowMs;
    if (nowMs - peer.cutSinceMs < failureTimeoutMs) return;
    peer.cutSinceMs = nowMs;
    connections().detour(link);
  }

  onMessage(_link: Link, { message, group }: CarriedMessage): boolean | Promise<boolean> {
    const { router } = this.#parts;
    if (group !== undefined) {
      const taken = router.publishToGroup(message, group.topicFilter, group.shareName);
      // At QoS 0 it does not go back.
      if (!taken && message.qos === 0) this.#giveUp(message, group);
      return taken;
    }
    const routed = router.publish(message);
    return routed instanceof Promise ? routed.then(() => true) : true;
  }

  onRoutes({ peer }: Link, changes: readonly RouteChange[], isWhole: boolean): void {
    this.#peers.get(peer.node)?.routes.take(changes, isWhole);
  }

  onDigest(link: Link, count: number, hash: number): void {
    const routes = this.#peers.get(link.peer.node)?.routes;
    if (routes === undefined) return;
    if (!routes.agrees(count, hash)) return link.wantRoutes();
    if (link.hasRoutes) return;
    link.hasRoutes = true;
    this.#parts.onKnown();
  }

  onRoutesWanted(link: Link): void {
    this.#tellChanges();
    link.tellRoutes(this.#local.all(), true);
    this.#tellDigest(link);
  }

  onRequest({ peer }: Link, question: Uint8Array): Promise<Uint8Array> {
    return this.#parts.onRequest(peer, question);
  }

  onReturn(message: Message, seat: Seat): void {
    const { router, subscriptions } = this.#parts;
    const { topicFilter, shareName } = seat.group;
    message.trail = { ...message.trail, notTakenBy: [...message.trail?.notTakenBy ?? [], seat.group] };
    const share = subscriptions.shareGroup(topicFilter, shareName);
    if (share && router.handOver(message, share, seat, { onlyConnected: false })) return;
    // What a dead node had is lost with it, as its sessions are.
    if (!seat.ended) this.#giveUp(message, seat.group);
  }

  /** Nobody can take it: those who are left here have too little room, or nobody is left here. */
  #giveUp(message: Message, { topicFilter, shareName }: GroupName): void {
    const members = this.#parts.subscriptions.shareGroup(topicFilter, shareName)?.members ?? [];
    const isAnybodyHere = members.some(({ subscriber }) => subscriber.isNode !== true);
    this.#parts.onDrop(message, isAnybodyHere ? "maximum-packet-size" : "session-ended");
  }

  readUpTo(position: number): Promise<void> | undefined {
    return this.#parts.readUpTo(position);
  }

  onDrop(message: Message): void {
    this.#parts.onDrop(message, "cluster-link");
  }

  #tellChanges(): void {
    const changes = this.#local.takeChanges();
    if (changes.length > 0) { for (const link of this.links()) link.tellRoutes(changes, false); }
  }

  #tellDigest(link: Link): void {
    this.#tellChanges();
    link.tellDigest(this.#local.count, this.#local.hash);
  }
}
