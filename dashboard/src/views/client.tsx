/** One client: who it is, what has happened to it, what waits for it, and what can be done. */
import { useState } from "preact/hooks";
import { post } from "../api.ts";
import { bytes, dateTime, number, visible } from "../format.ts";
import { useFetch } from "../hooks.ts";
import { QosSelect } from "../parts/actions.tsx";
import { Card, ClientLink, fact, Facts, Fault, Field, Name, type Outcome, Said, TopicLink } from "../parts/basics.tsx";
import { Confirm } from "../parts/dialog.tsx";
import { Events } from "../parts/events.tsx";
import { PayloadView } from "../parts/payload.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { text } from "../strings.ts";
import type { BrokerEvent, ClientDetail, ClientMessages, QueuedMessage, Subscription } from "../types.ts";
import { keptFor } from "./clients.tsx";
import { mayAct, type ViewProps } from "./view.ts";

const t = text.clients;
const REFRESH_MS = 3000;

export function ClientView({ session, params }: ViewProps) {
  const id = params.get("id") ?? "";
  return <OneClient key={id} id={id} acts={mayAct(session)} payloads={session.payloads} />;
}

function OneClient(
  { id, acts, payloads }: { readonly id: string; readonly acts: boolean; readonly payloads: boolean },
) {
  const { data, error, reload } = useFetch<ClientDetail>("/client", { id }, REFRESH_MS);
  const timeline = useFetch<{ items: readonly BrokerEvent[] }>("/client/timeline", { id }, REFRESH_MS);
  const [said, setSaid] = useState<Outcome>();
  const say = (outcome: Outcome) => {
    setSaid(outcome);
    reload();
    timeline.reload();
  };
  const newest = [...timeline.data?.items ?? []].reverse();
  return (
    <>
      <h2>
        <Name of={id} />
      </h2>
      <Said what={said} />
      <Fault of={error} />
      {data && acts && data.session && <ClientActions id={id} data={data} say={say} />}
      <div class="grid beside">
        {data && <About data={data} />}
        <Card title={t.timeline}>
          <Events of={newest} withClient={false} empty={text.overview.noEvents} />
        </Card>
        {data?.session && <Messages id={id} payloads={payloads} />}
        {data?.session && <Subscriptions id={id} data={data} acts={acts} say={say} />}
      </div>
    </>
  );
}

function About({ data: { client, session } }: { readonly data: ClientDetail }) {
  const state = session?.connected ? t.isConnected : session ? t.isOffline : t.isGone;
  const dropped = Object.values(session?.dropped ?? {}).reduce((sum, count) => sum + count, 0);
  return (
    <Card title={text.client}>
      <Facts
        of={[
          fact(t.state, state),
          ...client
            ? [
              fact(text.user, <Name of={client.username} />),
              fact(t.address, <Name of={client.address} />),
              fact(t.listener, visible(client.listener)),
              fact(t.secure, client.secure ? text.yes : text.no),
              fact(t.version, client.protocolVersion),
              fact(t.since, client.connectedAt === null ? text.unknown : dateTime(client.connectedAt)),
              fact(t.keepAlive, t.seconds(client.keepAliveSeconds)),
              fact(t.cleanStart, client.cleanStart ? text.yes : text.no),
              fact(t.received, client.received === null ? text.unknown : number(client.received)),
              fact(t.sent, client.sent === null ? text.unknown : number(client.sent)),
              fact(t.will, client.will ? <TopicLink name={client.will.topicName} /> : text.none),
            ]
            : [],
          ...session
            ? [
              fact(t.expires, keptFor(session.expiryIntervalSeconds)),
              fact(t.queued, number(session.queued)),
              fact(t.underWay, number(session.inflightInbound + session.inflightOutbound)),
              fact(t.dropped, <span class={dropped > 0 ? "bad" : ""}>{number(dropped)}</span>),
            ]
            : [],
        ]}
      />
    </Card>
  );
}

interface ActionProps {
  readonly id: string;
  readonly data: ClientDetail;
  say(outcome: Outcome): void;
}

function ClientActions({ id, data: { client, session }, say }: ActionProps) {
  const [open, setOpen] = useState<"disconnect" | "end">();
  const close = () => setOpen(undefined);
  const name = visible(id);
  const disconnect = async () => {
    const { disconnected } = await post<{ disconnected: boolean }>("/client/disconnect", { clientIdentifier: id });
    say(disconnected ? { words: t.disconnected(name) } : { words: t.gone(name), bad: true });
  };
  const end = async () => {
    const { ended } = await post<{ ended: boolean }>("/session/end", { clientIdentifier: id });
    say(ended ? { words: t.ended(name) } : { words: t.gone(name), bad: true });
  };
  return (
    <div class="bar">
      {client && <button type="button" class="danger" onClick={() => setOpen("disconnect")}>{t.disconnect}</button>}
      <button type="button" class="danger" onClick={() => setOpen("end")}>{t.end}</button>
      {open === "disconnect" && (
        <Confirm title={t.disconnect} go={t.disconnect} act={disconnect} close={close}>
          <p>{t.disconnectWhat(name)}</p>
        </Confirm>
      )}
      {open === "end" && (
        <Confirm title={t.end} go={t.end} act={end} close={close}>
          <p>{t.endWhat(name, session?.subscriptions ?? 0, session?.queued ?? 0)}</p>
        </Confirm>
      )}
    </div>
  );
}

type Waiting = QueuedMessage & { readonly state: string };

const messageColumns: readonly Column<Waiting>[] = [
  { title: t.state, cell: (one) => one.state },
  { title: text.topic, cell: (one) => <TopicLink name={one.topicName} /> },
  { title: text.qos, cell: (one) => one.qos },
  { title: text.topics.publisher, cell: (one) => one.publisher === null ? "" : <ClientLink id={one.publisher} /> },
  { title: text.size, right: true, cell: (one) => bytes(one.size) },
  { title: text.publish.payload, cell: (one) => one.payload ? <PayloadView payload={one.payload} /> : "" },
];

function Messages({ id, payloads }: { readonly id: string; readonly payloads: boolean }) {
  const [payload, setPayload] = useState(false);
  const { data, error } = useFetch<ClientMessages>("/client/messages", { id, payload, limit: 100 }, REFRESH_MS);
  const rows = data
    ? [
      ...data.underWay.map((one) => ({ ...one, state: t.sending })),
      ...data.waiting.map((one) => ({ ...one, state: t.waiting })),
    ]
    : [];
  return (
    <Card title={t.messages} class="wide">
      <Fault of={error} />
      {payloads && (
        <label class="check">
          <input type="checkbox" checked={payload} onChange={(event) => setPayload(event.currentTarget.checked)} />
          {t.showPayloads}
        </label>
      )}
      {rows.length === 0
        ? <p class="quiet">{t.noMessages}</p>
        : <Table label={t.messages} columns={messageColumns} items={rows} />}
      {data && data.inStore > 0 && <p class="quiet">{t.inStore(data.inStore)}</p>}
    </Card>
  );
}

function Subscriptions({ id, data, acts, say }: ActionProps & { readonly acts: boolean }) {
  const [leaving, setLeaving] = useState<string>();
  const filterOf = ({ shareName, topicFilter }: Subscription) =>
    shareName === null ? topicFilter : `$share/${shareName}/${topicFilter}`;
  const columns: readonly Column<Subscription>[] = [
    { title: text.filter, cell: (one) => <Name of={filterOf(one)} /> },
    { title: text.qos, cell: (one) => one.qos },
    ...acts
      ? [{
        title: t.action,
        cell: (one: Subscription) => (
          <button type="button" onClick={() => setLeaving(filterOf(one))}>{t.unsubscribe}</button>
        ),
      }]
      : [],
  ];
  const unsubscribe = async () => {
    await post("/client/unsubscribe", { clientIdentifier: id, topicFilter: leaving });
    say({ words: t.unsubscribed(visible(id), visible(leaving!)) });
  };
  return (
    <Card title={t.subscriptions} class="wide">
      <Table label={t.subscriptions} columns={columns} items={data.subscriptions} />
      {data.subscriptionsTotal > data.subscriptions.length && (
        <p class="quiet">{text.shownOf(data.subscriptions.length, data.subscriptionsTotal)}</p>
      )}
      {acts && <Subscribe id={id} say={say} />}
      {leaving !== undefined && (
        <Confirm
          title={t.unsubscribe}
          go={t.unsubscribe}
          act={unsubscribe}
          close={() => setLeaving(undefined)}
        >
          <p>{t.unsubscribeWhat(visible(id), visible(leaving))}</p>
        </Confirm>
      )}
    </Card>
  );
}

function Subscribe({ id, say }: Omit<ActionProps, "data">) {
  const [topicFilter, setFilter] = useState("");
  const [qos, setQos] = useState(0);
  const send = async (event: Event) => {
    event.preventDefault();
    try {
      await post("/client/subscribe", { clientIdentifier: id, topicFilter, qos });
      say({ words: t.subscribed(visible(id), visible(topicFilter)) });
      setFilter("");
    } catch (fault) {
      say({ words: (fault as Error).message, bad: true });
    }
  };
  return (
    <form class="bar" onSubmit={send}>
      <Field label={text.filter}>
        <input required value={topicFilter} onInput={({ currentTarget }) => setFilter(currentTarget.value)} />
      </Field>
      <QosSelect value={qos} choose={setQos} />
      <button type="submit">{t.subscribe}</button>
    </form>
  );
}
