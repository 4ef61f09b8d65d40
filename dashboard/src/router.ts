/** Views by the address's fragment: `#/client?id=…`. */
import { useEffect, useState } from "preact/hooks";

export interface RouteState {
  readonly view: string;
  readonly params: URLSearchParams;
}

export function readRoute(): RouteState {
  const hash = location.hash.replace(/^#\/?/, "");
  const at = hash.indexOf("?");
  const view = at < 0 ? hash : hash.slice(0, at);
  return { view: view === "" ? "overview" : view, params: new URLSearchParams(at < 0 ? "" : hash.slice(at + 1)) };
}

export function href(view: string, params: Readonly<Record<string, string>> = {}): string {
  const query = new URLSearchParams(params).toString();
  return `#/${view}${query === "" ? "" : `?${query}`}`;
}

export function useRoute(): RouteState {
  const [route, setRoute] = useState(readRoute);
  useEffect(() => {
    const change = () => setRoute(readRoute());
    addEventListener("hashchange", change);
    return () => removeEventListener("hashchange", change);
  }, []);
  return route;
}
