import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError, get, onSignedOut, post, remember } from "./api.ts";
import { visible } from "./format.ts";
import { href, useRoute } from "./router.ts";
import { text } from "./strings.ts";
import { applyTheme, readTheme, type Theme } from "./theme.ts";
import type { Session } from "./types.ts";
import { SignIn } from "./views/sign_in.tsx";
import { views } from "./views/all.tsx";

type State =
  | { readonly is: "looking" }
  | { readonly is: "out"; readonly way: "password" | "link"; readonly words?: string }
  | { readonly is: "in"; readonly session: Session };

/** A link from the broker's start brings a token; it is taken out of the address at once. */
function takeLinkToken(): string | undefined {
  const token = /^#token=(.+)$/.exec(location.hash)?.[1];
  if (token !== undefined) history.replaceState(null, "", location.pathname + location.search);
  return token;
}

async function begin(): Promise<State> {
  const token = takeLinkToken();
  let words: string | undefined;
  if (token !== undefined) {
    try {
      return { is: "in", session: await post<Session>("/sign-in/link", { token }, true) };
    } catch (fault) {
      words = (fault as Error).message;
    }
  }
  try {
    return { is: "in", session: await get<Session>("/session") };
  } catch (fault) {
    const { signIn = "password", status } = fault as ApiError;
    return { is: "out", way: signIn, words: words ?? (status === 401 ? undefined : (fault as Error).message) };
  }
}

export function App() {
  const [state, setState] = useState<State>({ is: "looking" });
  const enter = (session: Session) => {
    remember(session);
    setState({ is: "in", session });
  };
  useEffect(() => {
    void begin().then((found) => found.is === "in" ? enter(found.session) : setState(found));
    onSignedOut((way = "password") => setState((before) => before.is === "in" ? { is: "out", way } : before));
  }, []);
  if (state.is === "looking") return <p class="quiet">{text.loading}</p>;
  if (state.is === "out") return <SignIn way={state.way} words={state.words} enter={enter} />;
  const leave = () =>
    void post("/sign-out", {}).catch(() => {}).then(() => begin()).then((found) =>
      found.is === "in" ? enter(found.session) : setState(found)
    );
  return <Shell session={state.session} leave={leave} />;
}

function Shell({ session, leave }: { readonly session: Session; leave(): void }) {
  const { view, params } = useRoute();
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  const shown = views[view] ?? views["overview"]!;
  useEffect(() => {
    document.title = `${shown.title} – ${text.title}`;
    // Whoever listens to the page hears what is new; the one who has just come begins at the top.
    if (!first.current) main.current?.focus();
    first.current = false;
  }, [view]);
  const { View } = shown;
  return (
    <>
      <a
        class="skip"
        href="#content"
        onClick={(event) => {
          event.preventDefault();
          main.current?.focus();
        }}
      >
        {text.skip}
      </a>
      <header>
        <span class="brand">{text.title}</span>
        <nav aria-label={text.navigation.label}>
          {Object.entries(views).filter(([, { hidden }]) => !hidden).map(([name, { title }]) => (
            <a key={name} href={href(name)} aria-current={(shown.under ?? view) === name ? "page" : undefined}>
              {title}
            </a>
          ))}
        </nav>
        <div class="account">
          <ThemeSelect />
          <span class="who">{text.signIn.as(visible(session.username), session.role)}</span>
          {session.expiresAt !== null && <button type="button" onClick={leave}>{text.signIn.out}</button>}
        </div>
      </header>
      <main id="content" ref={main} tabIndex={-1}>
        <h1>{shown.title}</h1>
        <View key={view} session={session} params={params} />
      </main>
    </>
  );
}

function ThemeSelect() {
  const [theme, setTheme] = useState(readTheme);
  const choose = (chosen: Theme) => {
    applyTheme(chosen);
    setTheme(chosen);
  };
  return (
    <select
      aria-label={text.theme.label}
      value={theme}
      onChange={({ currentTarget }) => choose(currentTarget.value as Theme)}
    >
      {(["system", "light", "dark"] as const).map((one) => <option key={one} value={one}>{text.theme[one]}</option>)}
    </select>
  );
}
