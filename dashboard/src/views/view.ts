import type { ComponentType } from "preact";
import type { Session } from "../types.ts";

export interface ViewProps {
  readonly session: Session;
  /** Of the address. */
  readonly params: URLSearchParams;
}

export interface ViewEntry {
  readonly title: string;
  readonly View: ComponentType<ViewProps>;
  /** It has no place of its own in the navigation. */
  readonly hidden?: boolean;
  /** The view that it belongs to there. */
  readonly under?: string;
}

/** Whether somebody may change something. */
export function mayAct({ role }: Session): boolean {
  return role !== "viewer";
}
