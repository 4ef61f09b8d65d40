import { useEffect, useRef, useState } from "preact/hooks";
import { timeOfDay, visible } from "../format.ts";
import { useFetch } from "../hooks.ts";
import { PageClient, type PageClientEvents, REFUSAL } from "../mqtt/client.ts";
import type { Publish } from "../mqtt/codec.ts";
import { type Draft, PublishForm, QosSelect } from "../parts/actions.tsx";
import { Card, Fault, Field, Name, type Outcome } from "../parts/basics.tsx";
import { PayloadView } from "../parts/payload.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { text } from "../strings.ts";
import type { Listener, Payload } from "../types.ts";

const t = text.try;
const KEPT_MESSAGES = 100;
const KEPT_NOTES = 20;
const SHOWN_BYTES = 65_536;

/** Where the broker's WebSocket is, as seen from this page. */
function urlOf({ address, secure }: Listener): string {
  const [, host = "", port = ""] = /^(.*):(\d+)$/.exec(address ?? "") ?? [];
  const everywhere = host === "" || host === "0.0.0.0" || host === "[::]";
  return `${secure ? "wss" : "ws"}://${everywhere ? location.hostname : host}:${port}/mqtt`;
}

const why = (code: number) => t.reasons[code] ?? t.reason(code);

interface Message extends Publish {
  readonly at: string;
  readonly shown: Payload;
}

function shownOf(payload: Uint8Array<ArrayBuffer>): Payload {
  const part = payload.subarray(0, SHOWN_BYTES);
  const common = { size: payload.length, truncated: part.length < payload.length };
  try {
    return { ...common, encoding: "utf8", text: new TextDecoder("utf-8", { fatal: true }).decode(part) };
  } catch {
    const binary = Array.from(part, (byte) => String.fromCharCode(byte)).join("");
    return { ...common, encoding: "base64", text: btoa(binary) };
  }
}

interface State {
  readonly connected: boolean;
  readonly messages: readonly Message[];
  readonly notes: readonly Outcome[];
}

/** The page's client with what it has told. */
function usePageClient() {
  const [state, setState] = useState<State>({ connected: false, messages: [], notes: [] });
  const client = useRef<PageClient | undefined>(undefined);
  const note = (words: string, bad = false, connected?: boolean) =>
    setState((before) => ({
      ...before,
      connected: connected ?? before.connected,
      notes: [{ words, bad }, ...before.notes].slice(0, KEPT_NOTES),
    }));
  const events: PageClientEvents = {
    connected: (id) => note(t.connected(id), false, true),
    refused: (code) => note(t.refused(why(code)), true),
    message: (message) => {
      const shown = { ...message, at: new Date().toISOString(), shown: shownOf(message.payload) };
      setState((before) => ({ ...before, messages: [shown, ...before.messages].slice(0, KEPT_MESSAGES) }));
    },
    subscribed: (filter, code) =>
      code >= REFUSAL ? note(t.denied(filter, why(code)), true) : note(t.subscribed(filter, code)),
    published: (topic, code) =>
      code >= REFUSAL ? note(t.publishDenied(topic, why(code)), true) : note(t.acknowledged(topic)),
    closed: (code, opened) => {
      client.current = undefined;
      if (code > 0) note(t.refused(why(code)), true, false);
      else note(opened ? t.closed : t.failed, !opened, false);
    },
  };
  const connect = (url: string, options: { clientIdentifier: string; username: string; password: string }) => {
    client.current?.close();
    try {
      client.current = new PageClient(url, options, events);
    } catch (error) {
      note((error as Error).message, true);
    }
  };
  useEffect(() => () => client.current?.close(), []);
  return { ...state, client, connect };
}

export function TryItView() {
  const { connected, messages, notes, client, connect } = usePageClient();
  const publish = ({ payload, ...draft }: Draft) =>
    client.current?.publish({ ...draft, payload: new TextEncoder().encode(payload) });
  return (
    <>
      <p class="quiet">{t.hint}</p>
      <div class="grid">
        <Connection connected={connected} connect={connect} disconnect={() => client.current?.close()} />
        {connected && <Subscribe subscribe={(filter, qos) => client.current?.subscribe(filter, qos)} />}
        {connected && (
          <Card title={text.publish.title}>
            <PublishForm topicName="" publish={publish} />
          </Card>
        )}
        <Card title={t.state}>
          <div role="log" aria-label={t.state}>
            {notes.map(({ words, bad }, row) => (
              <p key={notes.length - row} class={bad ? "bad" : ""}>{visible(words)}</p>
            ))}
          </div>
        </Card>
        <Card title={t.messages} class="wide">
          <Table label={t.messages} columns={columns} items={messages} />
        </Card>
      </div>
    </>
  );
}

const columns: readonly Column<Message>[] = [
  { title: text.time, cell: (one) => timeOfDay(one.at) },
  { title: text.topic, cell: (one) => <Name of={one.topicName} /> },
  { title: text.qos, cell: (one) => one.qos },
  { title: text.retain, cell: (one) => one.retain ? text.yes : "" },
  { title: text.publish.payload, cell: (one) => <PayloadView payload={one.shown} /> },
];

function Connection({ connected, connect, disconnect }: {
  readonly connected: boolean;
  connect: ReturnType<typeof usePageClient>["connect"];
  disconnect(): void;
}) {
  const { data, error } = useFetch<{ items: readonly Listener[] }>("/listeners");
  const urls = (data?.items ?? []).filter(({ type, address }) => type === "ws" && address !== null).map(urlOf);
  const [chosen, choose] = useState<string>();
  const url = chosen ?? urls[0] ?? "";
  const send = (event: SubmitEvent) => {
    event.preventDefault();
    const field = (name: string) => String(new FormData(event.currentTarget as HTMLFormElement).get(name) ?? "");
    connect(url, {
      clientIdentifier: field("client"),
      username: field("username"),
      password: field("password"),
    });
  };
  return (
    <Card title={t.connection}>
      <Fault of={error} />
      {data && urls.length === 0 && <p class="notice warning">{t.noListener}</p>}
      <form onSubmit={send}>
        <Field label={t.url}>
          <input required value={url} list="sockets" onInput={({ currentTarget }) => choose(currentTarget.value)} />
        </Field>
        <datalist id="sockets">{urls.map((one) => <option key={one} value={one} />)}</datalist>
        <Field label={text.client}>
          <input name="client" autocomplete="off" />
        </Field>
        <Field label={text.user}>
          <input name="username" autocomplete="off" />
        </Field>
        <Field label={t.password}>
          <input name="password" type="password" autocomplete="off" />
        </Field>
        {connected
          ? <button key="off" type="button" onClick={disconnect}>{t.disconnect}</button>
          : <button key="on" type="submit" class="primary">{t.connect}</button>}
      </form>
    </Card>
  );
}

function Subscribe({ subscribe }: { subscribe(topicFilter: string, qos: number): void }) {
  const [filter, setFilter] = useState("#");
  const [qos, setQos] = useState(0);
  const send = (event: Event) => {
    event.preventDefault();
    subscribe(filter, qos);
  };
  return (
    <Card title={t.subscribe}>
      <form onSubmit={send}>
        <Field label={text.filter}>
          <input required value={filter} onInput={({ currentTarget }) => setFilter(currentTarget.value)} />
        </Field>
        <div class="bar">
          <QosSelect value={qos} choose={setQos} />
          <button type="submit" class="primary">{t.subscribe}</button>
        </div>
      </form>
    </Card>
  );
}
