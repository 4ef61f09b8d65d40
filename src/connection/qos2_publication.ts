import { Receipt } from "../receipt.ts";
import type { PublishCallbacks } from "../routing/publish_pipeline.ts";
import type { WorkParty } from "../work_budget.ts";
import type { ConnectionContext } from "./connection_context.ts";
import type { SignedIn } from "./connection_state.ts";

/** The connection that a message came by. */
export interface PublishingConnection {
  readonly context: Pick<ConnectionContext, "cluster">;
  readonly work: WorkParty;
  /** `undefined`: it is over. */
  readonly open: SignedIn | undefined;
}

/** What goes along with a QoS 2 message on its way. */
export class QoS2Publication implements PublishCallbacks {
  readonly #connection: PublishingConnection;
  readonly #open: SignedIn;
  readonly #packetIdentifier: number;
  #begun = false;
  /** In a cluster: it is routed in pieces, and neither that nor what it waits for then is over. */
  #underWay: Receipt | undefined;
  #receipt: Receipt | undefined;

  constructor(connection: PublishingConnection, open: SignedIn, packetIdentifier: number) {
    this.#connection = connection;
    this.#open = open;
    this.#packetIdentifier = packetIdentifier;
  }

  get party(): WorkParty {
    return this.#connection.work;
  }

  stillConnected(): boolean {
    return this.#connection.open === this.#open;
  }

  /** The client may come back and send it again before it is routed to the end, and it goes on in any case. */
  onBegun(): void {
    this.#begun = true;
    const { receiver } = this.#open.session;
    receiver.accept(this.#packetIdentifier);
    if (this.#connection.context.cluster === undefined) return;
    this.#underWay = new Receipt();
    this.#underWay.expect();
    receiver.acknowledgeAfter(this.#packetIdentifier, this.#underWay);
  }

  onReceipt(receipt: Receipt): void {
    this.#open.receipts?.took(receipt);
    this.#receipt = receipt;
  }

  /** One commit holds the message and the identifier, else a crash between two makes a duplicate. */
  onRouted(outcome: number | "full"): void {
    const { receiver } = this.#open.session;
    if (outcome === "full") this.#begun && receiver.release(this.#packetIdentifier);
    else if (!this.#begun) this.#accept();
    const underWay = this.#underWay;
    if (this.#receipt === undefined) underWay?.arrived();
    else if (underWay !== undefined) this.#receipt.whenSettled(() => underWay.arrived());
  }

  /** Whoever sends it again, perhaps over another connection, waits as well. */
  #accept(): void {
    const { receiver } = this.#open.session;
    receiver.accept(this.#packetIdentifier);
    if (this.#receipt?.pending === true) receiver.acknowledgeAfter(this.#packetIdentifier, this.#receipt);
  }
}
