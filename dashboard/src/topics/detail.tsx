/** All that the broker knows of one topic. */
import { useRef, useState } from "preact/hooks";
import { bytes, dateTime, number, timeOfDay, visible } from "../format.ts";
import { useFetch } from "../hooks.ts";
import { PublishDialog, RemoveRetained } from "../parts/actions.tsx";
import { Card, ClientLink, fact, Facts, Fault, Name, type Outcome, Said } from "../parts/basics.tsx";
import { Chart } from "../parts/chart.tsx";
import { PayloadView } from "../parts/payload.tsx";
import { text } from "../strings.ts";
import type { Payload, TopicDetail as Answer } from "../types.ts";

const t = text.topics;
const REFRESH_MS = 2000;

export function TopicDetail({ name, acts }: { readonly name: string; readonly acts: boolean }) {
  const { data, error, reload } = useFetch<Answer>("/topic", { name }, REFRESH_MS);
  const [said, say] = useState<Outcome>();
  const before = useBefore(data?.brief?.payload ?? undefined);
  const done = (outcome: Outcome) => {
    say(outcome);
    reload();
  };
  return (
    <div class="detail">
      <h2>
        <Name of={name} />
      </h2>
      <Said what={said} />
      <Fault of={error} />
      {acts && <Actions name={name} retained={data?.retainedMessage !== null} say={done} />}
      {!data && !error && <p>{text.loading}</p>}
      {data && (
        <>
          <LastValue data={data} before={before} />
          <Retained data={data} />
          {data.samples.length > 1 && <Numbers data={data} />}
          <Subscribers data={data} />
          <Denied data={data} />
        </>
      )}
    </div>
  );
}

/** The value that was shown before this one. */
function useBefore(now: Payload | undefined): Payload | undefined {
  const kept = useRef<{ now: Payload | undefined; before: Payload | undefined }>({ now: undefined, before: undefined });
  if (now && now.text !== kept.current.now?.text) kept.current = { now, before: kept.current.now };
  return kept.current.before;
}

function Actions({ name, retained, say }: {
  readonly name: string;
  readonly retained: boolean;
  say(outcome: Outcome): void;
}) {
  const [open, setOpen] = useState<"publish" | "one" | "below">();
  const close = () => setOpen(undefined);
  return (
    <div class="bar">
      <button type="button" onClick={() => setOpen("publish")}>{t.publish}</button>
      {retained && <button type="button" onClick={() => setOpen("one")}>{t.deleteRetained}</button>}
      <button type="button" onClick={() => setOpen("below")}>{t.deleteBelow}</button>
      {open === "publish" && <PublishDialog topicName={name} close={close} say={say} />}
      {open === "one" && <RemoveRetained filter={name} close={close} say={say} />}
      {open === "below" && <RemoveRetained filter={`${name}/#`} close={close} say={say} />}
    </div>
  );
}

function LastValue({ data: { brief, publisher, messages }, before }: {
  readonly data: Answer;
  readonly before: Payload | undefined;
}) {
  if (!brief) {
    return (
      <Card title={t.lastValue}>
        <p class="quiet">{t.noValue}</p>
      </Card>
    );
  }
  return (
    <Card title={t.lastValue}>
      {brief.payload ? <PayloadView payload={brief.payload} before={before} /> : <p class="quiet">{t.hidden}</p>}
      <Facts
        of={[
          fact(t.age, <time dateTime={brief.at} title={dateTime(brief.at)}>{text.ago(brief.ageSeconds)}</time>),
          fact(t.publisher, publisher ? <Publisher of={publisher} /> : text.unknown),
          fact(t.rate, text.perSecond(brief.ratePerSecond)),
          fact(t.messages, number(messages)),
          fact(text.qos, brief.qos),
          fact(t.retained, brief.retained ? text.yes : text.no),
          fact(text.size, bytes(brief.size)),
        ]}
      />
    </Card>
  );
}

function Publisher({ of: { clientIdentifier, username, address } }: { readonly of: NonNullable<Answer["publisher"]> }) {
  return (
    <>
      <ClientLink id={clientIdentifier} />
      {username !== null && <bdi>, {t.asUser(visible(username))}</bdi>}
      {address !== null && <bdi>, {t.fromAddress(visible(address))}</bdi>}
    </>
  );
}

/** What a new subscriber gets need not be what came last. */
function Retained({ data: { brief, retainedMessage } }: { readonly data: Answer }) {
  const payload = retainedMessage?.payload;
  if (!payload || (brief?.retained && brief.payload?.text === payload.text)) return null;
  return (
    <Card title={t.retainedValue}>
      {brief && <p class="quiet">{t.retainedDiffers}</p>}
      <PayloadView payload={payload} />
    </Card>
  );
}

function Numbers({ data: { samples } }: { readonly data: Answer }) {
  const at = samples.map((sample) => Date.parse(sample.at) / 1000);
  const line = { label: text.value, colour: "--one", values: samples.map(({ value }) => value) };
  return (
    <Card title={t.numbers}>
      <Chart at={at} lines={[line]} height={140} seconds={10} close />
    </Card>
  );
}

function Subscribers({ data: { subscribers } }: { readonly data: Answer }) {
  return (
    <Card title={t.subscribers}>
      {subscribers.length === 0 && <p class="quiet">{t.noSubscribers}</p>}
      <ul class="plain-list">
        {subscribers.map((one, row) => (
          <li key={row}>
            <ClientLink id={one.clientIdentifier} /> <bdi class="name quiet">{visible(one.topicFilter)}</bdi> {text.qos}
            {" "}
            {one.qos} {one.shareName !== null && <span class="tag">{t.share(visible(one.shareName))}</span>}
            {!one.connected && <span class="tag">{t.offline}</span>}
          </li>
        ))}
      </ul>
    </Card>
  );
}

function Denied({ data: { denied } }: { readonly data: Answer }) {
  return (
    <Card title={t.denied}>
      {denied.length === 0 && <p class="quiet">{t.noDenied}</p>}
      <ul class="plain-list">
        {denied.map(({ at, clientIdentifier, username, what, reason }, row) => (
          <li key={row}>
            <time dateTime={at} title={dateTime(at)}>{timeOfDay(at)}</time> <ClientLink id={clientIdentifier} />
            {username !== null && <bdi>, {t.asUser(visible(username))}</bdi>} {t.denials[what]}:{" "}
            <bdi>{visible(reason)}</bdi>
          </li>
        ))}
      </ul>
    </Card>
  );
}
