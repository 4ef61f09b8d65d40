import { useEffect, useRef, useState } from "preact/hooks";
import { listen } from "../api.ts";
import { dateTime, timeOfDay, visible } from "../format.ts";
import { useDelayed, useFetch } from "../hooks.ts";
import { Card, Fault, Field, Name } from "../parts/basics.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { text } from "../strings.ts";
import type { AuditRecord, LogRecord, TraceRecord } from "../types.ts";
import { mayAct, type ViewProps } from "./view.ts";

const t = text.log;
/** Lines of a trace that are kept. */
const TRACE_LINES = 500;
const LEVELS = ["debug", "info", "warning", "error"] as const;
type Level = typeof LEVELS[number];

const when = (at: string) => <time dateTime={at} title={dateTime(at)}>{timeOfDay(at)}</time>;

const columns: readonly Column<LogRecord>[] = [
  { title: text.time, cell: (one) => when(one.at) },
  {
    title: t.level,
    cell: ({ level }) => <span class={`tag ${level}`}>{t.levels[level as Level] ?? visible(level)}</span>,
  },
  { title: t.category, cell: (one) => visible(one.category) },
  { title: t.message, cell: (one) => <bdi class="words">{visible(one.message)}</bdi> },
];

export function LogView({ session }: ViewProps) {
  const [level, setLevel] = useState<Level>("info");
  const [words, setWords] = useState("");
  const [follow, setFollow] = useState(true);
  const search = useDelayed(words, 250);
  const query = { level, limit: 200, search: search === "" ? undefined : search };
  const { data, error } = useFetch<{ items: readonly LogRecord[] }>("/log", query, follow ? 2000 : 0);
  return (
    <>
      <div class="bar">
        <input
          type="search"
          aria-label={t.search}
          placeholder={t.search}
          value={words}
          onInput={({ currentTarget }) => setWords(currentTarget.value)}
        />
        <Field label={t.least}>
          <select value={level} onChange={({ currentTarget }) => setLevel(currentTarget.value as Level)}>
            {LEVELS.map((one) => <option key={one} value={one}>{t.levels[one]}</option>)}
          </select>
        </Field>
        <label class="check">
          <input type="checkbox" checked={follow} onChange={({ currentTarget }) => setFollow(currentTarget.checked)} />
          {t.follow}
        </label>
      </div>
      <Fault of={error} />
      {data && <Table label={t.records} columns={columns} items={data.items} />}
      {mayAct(session) && <Trace />}
      {session.role === "admin" && <Audit />}
    </>
  );
}

const traceColumns: readonly Column<TraceRecord>[] = [
  { title: text.time, cell: (one) => when(one.at) },
  { title: text.client, cell: (one) => <Name of={one.clientIdentifier} /> },
  { title: t.address, cell: (one) => <Name of={one.address} /> },
  { title: t.packet, cell: (one) => `${one.packet} ${one.direction === "in" ? t.in : t.out}` },
  { title: t.message, cell: (one) => <bdi class="words">{visible(one.text)}</bdi> },
];

interface TraceWish {
  readonly client: string;
  readonly topic: string;
  readonly address: string;
  readonly seconds: string;
}

/** One trace at a time, and what it has told. */
function useTrace() {
  const [lines, setLines] = useState<readonly TraceRecord[]>([]);
  const [state, setState] = useState("");
  const [running, setRunning] = useState(false);
  const stop = useRef<(() => void) | undefined>(undefined);
  const finish = () => {
    stop.current?.();
    stop.current = undefined;
    setRunning(false);
    setState(t.ended);
  };
  useEffect(() => () => stop.current?.(), []);
  const start = (wish: TraceWish) => {
    setLines([]);
    setState(t.running);
    setRunning(true);
    stop.current = listen(
      "/streams/trace",
      Object.fromEntries(Object.entries(wish).filter(([, value]) => value !== "")),
      {
        trace: (record: TraceRecord) => setLines((before) => [record, ...before].slice(0, TRACE_LINES)),
        dropped: ({ count }: { count: number }) => setState(t.missed(count)),
        end: finish,
        error: finish,
      },
    );
  };
  return { lines, state, running, start, finish };
}

function Trace() {
  const [wish, setWish] = useState<TraceWish>({ client: "", topic: "", address: "", seconds: "60" });
  const { lines, state, running, start, finish } = useTrace();
  const send = (event: Event) => {
    event.preventDefault();
    start(wish);
  };
  const field = (label: string, key: keyof TraceWish) => (
    <Field label={label}>
      <input
        value={wish[key]}
        inputMode={key === "seconds" ? "numeric" : undefined}
        onInput={({ currentTarget: { value } }) => setWish((before) => ({ ...before, [key]: value }))}
      />
    </Field>
  );
  const isEmpty = wish.client === "" && wish.topic === "" && wish.address === "";
  return (
    <Card title={t.trace}>
      <p class="quiet">{t.traceHint}</p>
      <form class="bar" onSubmit={send}>
        {field(text.client, "client")}
        {field(text.filter, "topic")}
        {field(t.address, "address")}
        {field(t.seconds, "seconds")}
        {/* Two buttons, not one that changes: a click on the first would submit as the second. */}
        {running
          ? <button key="stop" type="button" onClick={finish}>{t.stop}</button>
          : <button key="start" type="submit" class="primary" disabled={isEmpty}>{t.start}</button>}
      </form>
      <p role="status" class="quiet">{state}</p>
      {lines.length > 0 && <Table label={t.lines} columns={traceColumns} items={lines} />}
    </Card>
  );
}

const auditColumns: readonly Column<AuditRecord>[] = [
  { title: text.time, cell: (one) => dateTime(one.at) },
  { title: t.who, cell: (one) => <Name of={one.who} /> },
  { title: t.address, cell: (one) => <Name of={one.address} /> },
  { title: t.what, cell: (one) => visible(one.action) },
  {
    title: t.message,
    cell: ({ detail }) => (
      <bdi class="words">{visible(typeof detail === "string" ? detail : JSON.stringify(detail))}</bdi>
    ),
  },
];

function Audit() {
  const { data } = useFetch<{ items: readonly AuditRecord[] }>("/audit", { limit: 50 }, 5000);
  return (
    <Card title={t.audit}>
      <Table label={t.audit} columns={auditColumns} items={data?.items ?? []} />
    </Card>
  );
}
