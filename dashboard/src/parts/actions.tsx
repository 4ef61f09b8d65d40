/** What is done from more than one view. */
import { useEffect, useState } from "preact/hooks";
import { post } from "../api.ts";
import { visible } from "../format.ts";
import { text } from "../strings.ts";
import type { RetainedDeletion } from "../types.ts";
import { Fault, Field, type Outcome } from "./basics.tsx";
import { Confirm, Dialog } from "./dialog.tsx";

type Say = (outcome: Outcome) => void;

/** Deletes retained messages; counts and names them first. */
export function RemoveRetained({ filter, close, say }: {
  readonly filter: string;
  readonly say: Say;
  close(): void;
}) {
  const [found, setFound] = useState<RetainedDeletion>();
  const [error, setError] = useState<string>();
  useEffect(() => {
    post<RetainedDeletion>("/retained/delete", { filter, dryRun: true })
      .then(setFound, (fault: Error) => setError(fault.message));
  }, [filter]);
  const act = async () => {
    const { deleted } = await post<RetainedDeletion>("/retained/delete", { filter, dryRun: false });
    say({ words: text.remove.done(deleted) });
  };
  const count = found?.count ?? 0;
  return (
    <Confirm title={text.remove.title} go={count > 0 ? text.remove.go(count) : undefined} act={act} close={close}>
      <Fault of={error} />
      {!found && !error && <p>{text.remove.looking}</p>}
      {found && <p>{count > 0 ? text.remove.count(count, visible(filter)) : text.remove.none(visible(filter))}</p>}
      {found && count > 0 && (
        <ul class="sample">
          {found.sample.map((name) => (
            <li key={name}>
              <bdi class="name">{visible(name)}</bdi>
            </li>
          ))}
          {count > found.sample.length && <li class="quiet">{text.remove.others(count - found.sample.length)}</li>}
        </ul>
      )}
    </Confirm>
  );
}

export function QosSelect({ value, choose }: { readonly value: number; choose(qos: number): void }) {
  return (
    <Field label={text.qos}>
      <select value={value} onChange={({ currentTarget }) => choose(Number(currentTarget.value))}>
        {[0, 1, 2].map((qos) => <option key={qos} value={qos}>{qos}</option>)}
      </select>
    </Field>
  );
}

export interface Draft {
  readonly topicName: string;
  readonly payload: string;
  readonly qos: number;
  readonly retain: boolean;
}

/** What to publish, and where. */
export function PublishForm({ topicName: first, publish }: {
  readonly topicName: string;
  publish(draft: Draft): void | Promise<void>;
}) {
  const [draft, setDraft] = useState<Draft>({ topicName: first, payload: "", qos: 0, retain: false });
  const change = (part: Partial<Draft>) => setDraft((before) => ({ ...before, ...part }));
  const send = (event: Event) => {
    event.preventDefault();
    void publish(draft);
  };
  return (
    <form onSubmit={send}>
      <Field label={text.topic}>
        <input required value={draft.topicName} onInput={(e) => change({ topicName: e.currentTarget.value })} />
      </Field>
      <Field label={text.publish.payload}>
        <textarea rows={4} value={draft.payload} onInput={(e) => change({ payload: e.currentTarget.value })} />
      </Field>
      <div class="bar">
        <QosSelect value={draft.qos} choose={(qos) => change({ qos })} />
        <label class="check">
          <input type="checkbox" checked={draft.retain} onChange={(e) => change({ retain: e.currentTarget.checked })} />
          {text.retain}
        </label>
        <button type="submit" class="primary">{text.publish.go}</button>
      </div>
    </form>
  );
}

export function PublishDialog({ topicName, close, say }: {
  readonly topicName: string;
  readonly say: Say;
  close(): void;
}) {
  const [error, setError] = useState<string>();
  const publish = async (draft: Draft) => {
    try {
      await post("/publish", draft);
      say({ words: text.publish.done(draft.topicName) });
      close();
    } catch (fault) {
      setError((fault as Error).message);
    }
  };
  return (
    <Dialog title={text.publish.title} close={close}>
      <PublishForm topicName={topicName} publish={publish} />
      <Fault of={error} />
      <div class="bar end">
        <button type="button" onClick={close}>{text.cancel}</button>
      </div>
    </Dialog>
  );
}
