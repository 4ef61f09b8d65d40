/** What a node of a cluster consists of, put together. */
import { TopicNames } from "../packet/topic_names.ts";
import { Claims } from "./claims.ts";
import type { ClusterParts } from "./cluster_parts.ts";
import { ClusterState, type Life, type Writer } from "./cluster_state.ts";
import { Connections } from "./connections.ts";
import { Detours } from "./detour.ts";
import { LogMeaning } from "./log_meaning.ts";
import { LogReader } from "./log_reader.ts";
import { LogShortener } from "./log_shortener.ts";
import type { LogSpeaker } from "./log_speaker.ts";
import { Logged } from "./logged.ts";
import { Membership } from "./membership.ts";
import { Peers } from "./peers.ts";
import { ShardKeeper, SHARDS, tenureOf } from "./shards.ts";
import { SnapshotReader } from "./snapshots.ts";
import { WillBook } from "./will_book.ts";

/** Whose rooms they are: it has one life after the other. */
export interface NodeHost {
  readonly life: Life;
  /** It is a node, and was not declared dead. */
  readonly joined: boolean;
  /** It does not see its own word in the log, or is declared dead. */
  readonly isCutOff: boolean;
  /** What this life says in the log. */
  speaker(): LogSpeaker;
  onCutOff(isCutOff: boolean): void;
  /** All that was in the log is read. */
  onRead(): void;
  /** The log cannot be read on. */
  onFault(): void;
  /** The log was read on, or a peer is known. */
  onMoved(): void;
  /** A life has begun. @param former what was known of the node */
  begun(life: Life, former: Writer | undefined, address: string, timeMs: number): void;
  /** A life is over. */
  ended(life: Life, timeMs: number): void;
}

/** See the module. */
export class NodeRooms {
  readonly state = new ClusterState(SHARDS);
  readonly names = new TopicNames();
  readonly wills = new WillBook();
  readonly snapshots = new SnapshotReader();
  readonly membership: Membership;
  readonly peers: Peers;
  readonly claims: Claims;
  readonly shards: ShardKeeper;
  readonly shortener: LogShortener;
  readonly detours: Detours;
  readonly connections: Connections;
  readonly reader: LogReader;
  readonly logged: Logged;
  /** Where in the log this node has said something to all. */
  #spokenAt = 0;

  constructor(parts: ClusterParts, host: NodeHost) {
    const { router, subscriptions, work, chores, clock, machine, node } = parts;
    const soon = (run: () => void) => void machine.letRun().then(run);
    this.membership = new Membership({
      node,
      failureTimeoutMs: parts.failureTimeoutMs,
      state: this.state,
      now: () => clock.now(),
      say: (body) => {
        const speaker = host.speaker();
        if (host.joined && (body.type !== "heartbeat" || !speaker.isBehind)) speaker.say(body);
      },
      position: () => this.reader.position,
      onCutOff: (isCutOff) => host.onCutOff(isCutOff),
    });
    this.peers = new Peers({
      router,
      subscriptions,
      work,
      chores,
      maximumBytes: parts.maxLinkBytes,
      failureTimeoutMs: parts.failureTimeoutMs,
      now: () => clock.now(),
      soon,
      connections: () => this.connections,
      names: this.names,
      onDrop: (message, reason) => parts.onDrop(message, reason),
      onKnown: () => host.onMoved(),
      spokenAt: () => this.#spokenAt,
      readUpTo: (position) => this.reader.readUpTo(position, true),
      onRequest: (peer, question) => this.claims.answer(peer, question),
    });
    this.claims = new Claims({
      node,
      life: () => host.life,
      nodes: () => this.state.live,
      tenure: (shard) => tenureOf(this.state, shard),
      position: () => this.reader.position,
      readUpTo: (position) => this.reader.readUpTo(position),
      link: (name) => this.peers.link(name),
      epoch: () => clock.epoch(),
      hasSession: (clientIdentifier) => parts.hasSession(clientIdentifier),
      kick: (clientIdentifier) => parts.kick(clientIdentifier),
      soon,
      after: (ms, run) => machine.after(ms, run),
      chores,
      work,
      patienceMs: parts.failureTimeoutMs,
    });
    this.shards = new ShardKeeper({
      state: this.state,
      life: () => host.life,
      speaks: () => host.joined,
      say: (change) => host.speaker().say(change),
      soon,
    });
    this.shortener = new LogShortener({
      log: parts.log,
      logger: parts.logger,
      chores,
      clock,
      retained: parts.retained,
      state: this.state,
      wills: this.wills,
      position: () => this.reader.position,
      say: (part) => host.speaker().say(part),
    });
    this.detours = new Detours({
      life: () => host.life,
      tell: (content, receipt) => host.speaker().tell(content, receipt),
      now: () => machine.now(0),
    });
    const meaning = new LogMeaning({
      ...parts,
      names: this.names,
      state: this.state,
      wills: this.wills,
      snapshots: this.snapshots,
      shortener: this.shortener,
      life: () => host.life,
      isOld: () => this.reader.isOld,
      seen: (n) => host.speaker().seen(n),
      spoke: () => void (this.#spokenAt = this.reader.position),
      heard: (name) => this.membership.heard(name),
      begun: (life, former, address, timeMs) => host.begun(life, former, address, timeMs),
      ended: (life, timeMs) => host.ended(life, timeMs),
      ownersChanged: (shard) => {
        this.claims.ownersChanged(shard);
        this.shards.look();
      },
      shardPassed: (shard, isOwn, counts) => this.shards.passed(shard, isOwn, counts),
      onParcel: (life, parcel) => this.detours.take(life, parcel),
    });
    this.reader = new LogReader({
      ...parts,
      snapshots: this.snapshots,
      isCutOff: () => host.isCutOff,
      take: (record, timeMs, size) => meaning.take(record, timeMs, size),
      restore: (snapshots) => meaning.restore(snapshots),
      forgetAll: () => meaning.forgetAll(),
      onRead: () => host.onRead(),
      onFault: () => host.onFault(),
      onMoved: () => host.onMoved(),
    });
    this.logged = new Logged({
      life: () => host.life,
      speaker: () => host.speaker(),
      isCutOff: () => host.isCutOff,
      now: () => clock.now(),
    });
    this.connections = new Connections({
      cluster: parts.name,
      carrier: parts.carrier,
      detours: this.detours,
      logger: parts.logger,
      life: () => host.life,
      after: (ms, run) => machine.after(ms, run),
    });
  }
}
