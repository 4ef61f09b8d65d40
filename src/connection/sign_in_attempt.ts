import { type Allowed, unverified } from "../hooks/decide.ts";
import type { ClientSnapshot, SignIn } from "../hooks/plugin.ts";
import { networkOf } from "../network.ts";
import type { ConnackProperties, ConnectPacket, Will } from "../packet/packets.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import { quote } from "../quote.ts";
import { isBridgeState, willMessage } from "../routing/wills.ts";
import { Session } from "../session/session.ts";
import { InboundTopicAliases } from "../session/topic_aliases.ts";
import type { EnhancedAuthentication } from "./authentication_exchange.ts";
import { describeClient } from "../routing/describe.ts";
import { nameInCertificate, snapshotOf, withSession } from "./client_snapshot.ts";
import { connackProperties, grantedExpirySeconds, type Greeting } from "./connack_properties.ts";
import type { Connection, ConnectRefusal, SignedIn } from "./connection.ts";
import { type SigningIn, toldRefusal } from "./connection_state.ts";
import { advance } from "./enhanced_authentication.ts";
import { sendRetained } from "./handlers/retained_delivery.ts";
import { claimSession } from "./session_claim.ts";
import { mountedWill, mountpointOf } from "./mounting.ts";
import type { Mountpoint } from "./mountpoint.ts";
import {
  refusalAtOnce,
  refusalByPlugins,
  refusalOfName,
  refusalOfSession,
  refusalOfSize,
  refusalOfWillByPlugins,
  refusalWithoutPlugin,
} from "./sign_in_refusals.ts";

/**
 * A CONNECT from its arrival to its CONNACK (MQTT 3.1.1 §3.1, MQTT 5.0 §3.1): authenticate, claim, open, welcome. Each
 * step may end in a refusal, and whenever it had to wait the client may have gone.
 */
export class SignInAttempt implements SigningIn {
  readonly at = "signing-in";
  /** Aborted when the connection ends before the client is signed in. */
  readonly gone = new AbortController();
  authentication: EnhancedAuthentication | undefined = undefined;
  readonly #connection: Connection;
  readonly #packet: ConnectPacket;
  /** Who it is; the user name is to be proved. */
  #client: ClientSnapshot;
  #mountpoint: Mountpoint | undefined;
  /** With the mountpoint, once the client is known to be who it says. */
  #will: Will | undefined;
  /** What the plugins say in CONNACK. */
  #greeting: Greeting = {};

  constructor(connection: Connection, packet: ConnectPacket) {
    this.#connection = connection;
    this.#packet = packet;
    this.#client = snapshotOf(connection, packet);
    this.#will = packet.will;
  }

  /** As the client gave it. */
  get clientIdentifier(): string {
    return this.#packet.clientIdentifier;
  }

  get client(): ClientSnapshot {
    return this.#client;
  }

  /** Goes all the way, or until the client is asked for its next AUTH. */
  begin(): void | Promise<void> {
    const { authenticationMethod } = this.#packet;
    this.#connection.beginSignIn(this, this.#packet);
    if (this.#isOver(refusalAtOnce(this.#connection, this.#packet))) return;
    return authenticationMethod === undefined ? this.#authenticate() : this.#beginExchange(authenticationMethod);
  }

  /** Asks whether the client may sign in with what its CONNECT holds. */
  async #authenticate(): Promise<void> {
    if (this.#isOver(await this.#refusalOfPassword())) return;
    await this.#admit();
  }

  async #refusalOfPassword(): Promise<ConnectRefusal | undefined> {
    if (nameInCertificate(this.#connection) !== undefined) return undefined;
    const { authenticate } = this.#connection.context.hooks;
    if (!authenticate) return refusalWithoutPlugin(this.#connection, this.#client);
    const authorization = await authenticate(Object.freeze(this.#request()));
    const { username } = this.#client;
    if (authorization === unverified && username !== undefined) return refusalOfName(username);
    if (!authorization.allowed) return refusalByPlugins(this.#client, authorization);
    this.#greeting = { reasonString: authorization.reasonString, userProperties: authorization.userProperties };
    this.#isKnown(authorization);
    return undefined;
  }

  /** CONNECT with an authentication method (MQTT 5.0 §4.12). */
  #beginExchange(method: string): void | Promise<void> {
    const { context, listener } = this.#connection;
    const request = { ...this.#request(), authenticationMethod: method, reAuthenticating: false };
    const exchange = context.hooks.beginAuthentication?.(Object.freeze(request));
    if (!exchange) {
      // [MQTT-4.12.0-1] 5.0
      const reason = `no plugin knows the authentication method ${quote(method)}`;
      return this.#connection.refuse(toldRefusal(ReasonCode.BadAuthenticationMethod, reason));
    }
    const authentication: EnhancedAuthentication = {
      method,
      exchange,
      gone: this.gone,
      deadlineMs: context.clientTime.now() + listener.limits.connectTimeout * 1000,
      succeed: ({ username, attributes, ...greeting }) => {
        this.#isKnown({ username, attributes });
        this.#greeting = greeting;
        return this.#admit();
      },
      refuse: (refusal) => this.#connection.refuse({ ...refusalByPlugins(request, refusal), plugin: exchange.plugin }),
    };
    return advance(this.#connection, authentication, this.#packet.authenticationData);
  }

  #request(): SignIn {
    const { password } = this.#packet;
    const timeoutSeconds = this.#connection.listener.limits.connectTimeout;
    return { ...this.#client, password, timeoutSeconds, signal: this.gone.signal };
  }

  /** What plugins say of who it is. */
  #isKnown({ username, attributes }: Pick<Allowed, "username" | "attributes">): void {
    if (username === undefined && attributes === undefined) return;
    this.#client = Object.freeze({
      ...this.#client,
      ...username !== undefined && { username },
      ...attributes && { attributes },
    });
  }

  /** The client is who it says. */
  async #admit(): Promise<void> {
    if (this.#isOver(this.#mount())) return;
    if (this.#isOver(await this.#refusalOfWill())) return;
    if (this.#isOver(await this.#claim())) return;
    await this.#open();
  }

  /** Puts its mountpoint before what it has said so far. */
  #mount(): ConnectRefusal | undefined {
    const { mountpoint: template, name } = this.#connection.listener;
    if (template === undefined) return undefined;
    const mountpoint = mountpointOf(template, name, this.#client);
    if (typeof mountpoint !== "string") return mountpoint;
    const will = this.#will && mountedWill(mountpoint, this.#will);
    if (will && "reason" in will) return { ...will, will: this.#will?.topicName };
    this.#mountpoint = mountpoint;
    this.#will = will;
    this.#client = Object.freeze({ ...this.#client, mountpoint, will: will && Object.freeze(will) });
    return undefined;
  }

  /** Asks whether the client may leave its will. */
  async #refusalOfWill(): Promise<ConnectRefusal | undefined> {
    const { pipeline, clock, cluster } = this.#connection.context;
    const { will, clientIdentifier } = this.#client;
    // Else no bridge would be let in; nobody has to permit what is never published.
    if (!will || isBridgeState(will.topicName)) return undefined;
    const message = willMessage(will, clientIdentifier, clock.now());
    const problem = cluster?.refusalOfWills;
    if (problem !== undefined) return toldRefusal(ReasonCode.QuotaExceeded, problem);
    const authorization = await pipeline.authorize(this.#client, message);
    return authorization.allowed ? undefined : refusalOfWillByPlugins(will, authorization);
  }

  /** Gets hold of the session, wherever it is. */
  async #claim(): Promise<ConnectRefusal | undefined> {
    const { context } = this.#connection;
    try {
      const problem = await context.cluster?.claim(this.#client.clientIdentifier);
      if (problem !== undefined) return toldRefusal(ReasonCode.ServerUnavailable, problem);
      await claimSession(context, this.#client);
      return undefined;
    } catch (error) {
      const client = this.#client;
      context.refusals.mention("session-unreadable", client.remote, () => `${describeClient(client)}: ${error}`);
      return toldRefusal(ReasonCode.ServerUnavailable, "the session cannot be read");
    }
  }

  /**
   * Takes the session over. Synchronous from the last look to the ownership, so that nobody can come between; the client is
   * told when what has changed by that is stored.
   */
  #open(): void | Promise<void> {
    const { context, listener } = this.#connection;
    const client = this.#client;
    const expirySeconds = grantedExpirySeconds(this.#packet, listener.limits);
    const properties = connackProperties(listener.limits, this.#packet, {
      client,
      greeting: this.#greeting,
      expirySeconds,
    });
    const old = context.sessions.get(client.clientIdentifier);
    const refusal = refusalOfSession(this.#connection, { client, old, expirySeconds }) ??
      refusalOfSize(this.#packet, properties);
    if (refusal) return this.#connection.refuse(refusal);
    const writeQueue = context.persistence?.writeQueue;
    const before = writeQueue?.position;
    // [MQTT-3.1.4-2] 3.1.1, [MQTT-3.1.4-3] 5.0
    const reason = "the client connected anew";
    if (old) context.connectionBySession.get(old)?.close({ reasonCode: ReasonCode.SessionTakenOver, reason });
    const { session, present } = context.sessions.open(
      { clientIdentifier: client.clientIdentifier, expiryIntervalSeconds: expirySeconds },
      this.#packet.cleanStart || this.#replacesStrangers(old),
      () => this.#newSession(expirySeconds),
    );
    session.sender.limitTo(context.senderLimits.get(listener.limits));
    // From here on its snapshot tells its filters, and is one and the same object everywhere.
    this.#client = withSession(client, session);
    context.wills.signedIn(this.#client);
    const willKnown = context.cluster?.signedIn(client.clientIdentifier);
    const open = this.#signedIn(session);
    this.#connection.own(open);
    const welcome = () => this.#welcome(open, present, properties);
    if (willKnown) return willKnown.then(welcome);
    if (!writeQueue || writeQueue.fault || writeQueue.position === before) return welcome();
    return writeQueue.settled().then(welcome);
  }

  /** Tells the client, and gives it what is its, unless it has gone. */
  #welcome(open: SignedIn, present: boolean, properties: ConnackProperties | undefined): void {
    if (this.#connection.open !== open) return;
    this.#connection.welcome(open, present, properties);
    void sendRetained(this.#connection, open);
  }

  /** Refuses the client if there is a reason to, and tells whether this is the end of the attempt. */
  #isOver(refusal: ConnectRefusal | undefined): boolean {
    if (refusal && !this.#connection.closed) this.#connection.refuse(refusal);
    return this.#connection.closed;
  }

  #newSession(expiryIntervalSeconds: number): Session {
    const { context, transport } = this.#connection;
    const { clientIdentifier, username } = this.#client;
    // What ends with its connection has nothing to be remembered for.
    const log = expiryIntervalSeconds > 0 ? context.persistence?.recorderOf(clientIdentifier, username) : undefined;
    const parts = context.sessionParts(clientIdentifier);
    const network = networkOf(transport.remote.hostname);
    return new Session({ clientIdentifier, username, network, expiryIntervalSeconds, log, ...parts });
  }

  #signedIn(session: Session): SignedIn {
    const { protocolVersion, isBridge, sessionExpiryIntervalSeconds } = this.#packet;
    return {
      at: "open",
      session,
      client: this.#client,
      mountpoint: this.#mountpoint,
      version: protocolVersion,
      isBridge: isBridge === true,
      askedNoExpiry: sessionExpiryIntervalSeconds === 0,
      greeted: false,
      will: this.#will,
      topicAliases: new InboundTopicAliases(this.#connection.listener.limits.topicAliasMaximum),
      reAuthentication: undefined,
      held: undefined,
      publishCallbacks: undefined,
      receipts: undefined,
      retainedWalk: undefined,
    };
  }

  /** A user must not get what was meant for another, nor be locked out because it has a new name. */
  #replacesStrangers(old: Session | undefined): boolean {
    const client = this.#client;
    if (!old || old.username === client.username) return false;
    this.#connection.context.refusals.mention("session-replaced", client.remote, () => {
      const [was, is] = [old.username, client.username].map(describeUser);
      return `${describeClient(client)}: it was that of ${was}, now it is that of ${is}`;
    });
    return true;
  }
}

function describeUser(username: string | undefined): string {
  return username === undefined ? "no user" : `user ${quote(username)}`;
}
