/** Against pages of other hosts: DNS rebinding, and requests that a browser sends along with a cookie. */
import { Problem } from "../problem.ts";

/** What a request is compared with. */
export interface OriginRules {
  /** Names and addresses that are served; `undefined`: the host program has looked at that. */
  readonly hosts: readonly string[] | undefined;
  /** Where browsers reach it through a proxy; `undefined`: there is none. */
  readonly publicUrl: string | undefined;
}

/** @throws {Problem} if the request was sent to a name that is not ours, or by another host's page */
export function checkOrigin(request: Request, { hosts, publicUrl }: OriginRules): void {
  const url = new URL(request.url);
  const publicOrigin = publicUrl === undefined ? undefined : new URL(publicUrl);
  const known = hosts === undefined || hosts.includes(url.hostname) || isAddress(url.hostname) ||
    url.host === publicOrigin?.host;
  if (!known) {
    throw new Problem(421, `the request is for host ${url.hostname}, which is not known here (admin.public-url)`);
  }
  const origin = request.headers.get("origin");
  const own = origin === url.origin || (publicOrigin !== undefined && origin === publicOrigin.origin);
  if (origin !== null && !own) throw new Problem(403, `the request comes from a page of ${origin}`);
  const site = request.headers.get("sec-fetch-site");
  // The page itself may be opened by a link that stands anywhere.
  const opened = request.headers.get("sec-fetch-mode") === "navigate" && request.method === "GET";
  if ((site === "cross-site" || site === "same-site") && !opened) {
    throw new Problem(403, "the request comes from a page of another host");
  }
}

/** No name can be made to stand for another host if none is used. */
function isAddress(hostname: string): boolean {
  return hostname.startsWith("[") || /^\d+\.\d+\.\d+\.\d+$/.test(hostname);
}
