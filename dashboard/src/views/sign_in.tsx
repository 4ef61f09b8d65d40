import { useState } from "preact/hooks";
import { post } from "../api.ts";
import { Fault, Field } from "../parts/basics.tsx";
import { text } from "../strings.ts";
import type { Session } from "../types.ts";

const t = text.signIn;

export function SignIn({ way, words, enter }: {
  readonly way: "password" | "link";
  /** Why a link did not work. */
  readonly words: string | undefined;
  enter(session: Session): void;
}) {
  const [error, setError] = useState(words);
  const [busy, setBusy] = useState(false);
  const send = async (event: SubmitEvent) => {
    event.preventDefault();
    const fields = Object.fromEntries(new FormData(event.currentTarget as HTMLFormElement));
    setBusy(true);
    setError(undefined);
    try {
      enter(await post<Session>(way === "link" ? "/sign-in/link" : "/sign-in", fields, true));
    } catch (fault) {
      setError((fault as Error).message);
      setBusy(false);
    }
  };
  return (
    <main id="content" class="sign-in">
      <h1>{text.title}</h1>
      <form class="card" onSubmit={send}>
        <h2>{t.title}</h2>
        <Fault of={error} />
        {way === "link" ? <ByLink /> : <ByPassword />}
        <button type="submit" class="primary" disabled={busy}>{t.go}</button>
      </form>
    </main>
  );
}

function ByLink() {
  return (
    <>
      <p>{t.byLink}</p>
      <Field label={t.token}>
        <input name="token" type="password" required autocomplete="off" />
      </Field>
    </>
  );
}

function ByPassword() {
  return (
    <>
      <Field label={t.username}>
        <input name="username" required autocomplete="username" />
      </Field>
      <Field label={t.password}>
        <input name="password" type="password" required autocomplete="current-password" />
      </Field>
    </>
  );
}
