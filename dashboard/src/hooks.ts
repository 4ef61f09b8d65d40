import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ApiError, get, type Query } from "./api.ts";

export interface Fetched<T> {
  /** `undefined`: not yet. It stays while something newer is fetched. */
  readonly data: T | undefined;
  readonly error: string | undefined;
  /** What the request was refused with. */
  readonly status: number | undefined;
  reload(): void;
}

interface Answer<T> {
  readonly key: string;
  readonly data?: T;
  readonly error?: string;
  readonly status?: number;
}

/**
 * Fetches, and fetches again at intervals while the page is seen.
 *
 * @param path `undefined`: nothing is fetched
 */
export function useFetch<T>(path: string | undefined, query: Query = {}, everyMs = 0): Fetched<T> {
  const key = JSON.stringify([path, query]);
  const [answer, setAnswer] = useState<Answer<T>>();
  const [turn, setTurn] = useState(0);
  const reload = useCallback(() => setTurn((before) => before + 1), []);
  useEffect(() => {
    if (path === undefined) return;
    const ending = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = async () => {
      if (document.visibilityState !== "hidden") {
        try {
          const data = await get<T>(path, query, ending.signal);
          if (!ending.signal.aborted) setAnswer({ key, data });
        } catch (error) {
          const words = (error as Error).message;
          const status = error instanceof ApiError ? error.status : undefined;
          if (!ending.signal.aborted) {
            setAnswer((before) => ({ key, data: before?.key === key ? before.data : undefined, error: words, status }));
          }
        }
      }
      if (everyMs > 0 && !ending.signal.aborted) timer = setTimeout(ask, everyMs);
    };
    void ask();
    return () => {
      ending.abort();
      clearTimeout(timer);
    };
  }, [key, everyMs, turn]);
  const fits = answer?.key === key;
  const { data, error, status } = fits ? answer : {} as Partial<Answer<T>>;
  return { data, error, status, reload };
}

/** A value that follows another one after some quiet. */
export function useDelayed<T>(value: T, ms: number): T {
  const [late, setLate] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setLate(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return late;
}

/** What a value was before it changed to what it is. */
export function usePrevious<T>(value: T): T | undefined {
  const kept = useRef<{ now: T; before: T | undefined }>({ now: value, before: undefined });
  if (kept.current.now !== value) kept.current = { now: value, before: kept.current.now };
  return kept.current.before;
}
