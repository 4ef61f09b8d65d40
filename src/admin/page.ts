/** What a browser is shown. */

/** A file of the page. */
export interface PageFile {
  /** Its media type. */
  readonly type: string;
  readonly body: string;
}

/** By path below the page's own; the empty one is the page itself. */
export const pageFiles: Readonly<Record<string, PageFile>> = {
  "": {
    type: "text/plain; charset=utf-8",
    body: "The admin API of @amqtt/broker is at api/v1, and describes itself at api/v1/openapi.json.\n",
  },
};

/** Nothing from another host, nothing inline, no frames. The page speaks to this server and to the broker's WebSockets. */
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
].join("; ");
