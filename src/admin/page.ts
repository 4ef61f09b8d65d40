/** What a browser is shown. */

/** A file of the page. */
export interface PageFile {
  /** Its media type. */
  readonly type: string;
  readonly body: string;
}

/** The dashboard's file at a path below the page's own; the empty one is the page itself. Loaded when it is asked for. */
export async function pageFile(path: string): Promise<PageFile | undefined> {
  const { dashboardFiles } = await import("./dashboard_files.ts");
  return Object.hasOwn(dashboardFiles, path) ? dashboardFiles[path] : undefined;
}

/**
 * Nothing from another host, nothing inline, no frames, and no text that becomes markup. The page speaks to this server
 * and to the broker's WebSockets.
 */
export const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "font-src 'self'",
  "connect-src 'self' ws: wss:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");
