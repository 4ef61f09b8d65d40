/** Asks before something is done that cannot be taken back. */
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { text } from "../strings.ts";
import { Fault } from "./basics.tsx";

export function Dialog({ title, close, children }: {
  readonly title: string;
  readonly children: ComponentChildren;
  close(): void;
}) {
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();
  // The browser keeps the focus inside, closes with Escape, and gives the focus back.
  useEffect(() => element.current?.showModal(), []);
  return (
    <dialog ref={element} aria-labelledby={id} onClose={close}>
      <h2 id={id}>{title}</h2>
      {children}
    </dialog>
  );
}

export function Confirm({ title, children, go, act, close }: {
  readonly title: string;
  readonly children: ComponentChildren;
  /** Words of the button; `undefined`: there is nothing to do. */
  readonly go: string | undefined;
  act(): Promise<void>;
  close(): void;
}) {
  const [error, setError] = useState<string>();
  const [busy, setBusy] = useState(false);
  const run = async () => {
    setBusy(true);
    try {
      await act();
      close();
    } catch (fault) {
      setError((fault as Error).message);
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} close={close}>
      {children}
      <Fault of={error} />
      <div class="bar end">
        <button type="button" onClick={close}>{go === undefined ? text.close : text.cancel}</button>
        {go !== undefined && <button type="button" class="danger" disabled={busy} onClick={run}>{go}</button>}
      </div>
    </Dialog>
  );
}
