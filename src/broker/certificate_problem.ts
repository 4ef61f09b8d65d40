import type { CertificateValidity } from "../transport/transport.ts";

const DAY_MS = 86_400_000;
/** Renewals are due long before. */
const NOTICE_DAYS = 14;

/** What is said of a listener's certificate that has a problem. @param place of the listener in the config */
export function certificateWarning(
  place: string,
  tls: { readonly certfile: string } | undefined,
  problem: string,
): string {
  return `${place}.certfile: the server certificate in ${tls?.certfile} ${problem}`;
}

/** What is wrong with a certificate's time, or soon will be; `undefined`: nothing. */
export function certificateProblem({ from, to }: CertificateValidity, nowEpochMs: number): string | undefined {
  const leftMs = to.getTime() - nowEpochMs;
  if (leftMs <= 0) return `expired at ${to.toISOString()}: clients refuse it until it is renewed`;
  if (leftMs <= NOTICE_DAYS * DAY_MS) {
    const days = Math.floor(leftMs / DAY_MS);
    const left = days === 0 ? "less than a day" : days === 1 ? "1 day" : `${days} days`;
    return `expires at ${to.toISOString()}, in ${left}: renew it`;
  }
  if (from.getTime() > nowEpochMs) return `is not valid before ${from.toISOString()}: look at the system's clock`;
  return undefined;
}
