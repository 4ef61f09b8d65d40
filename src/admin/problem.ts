/** A field of a request that is wrong. */
export interface FieldFault {
  /** Its name, with dots to what it stands in. */
  readonly field: string;
  readonly detail: string;
}

const TITLES: Readonly<Record<number, string>> = {
  400: "Wrong request",
  401: "Not signed in",
  403: "Not allowed",
  404: "Not found",
  405: "Method not allowed",
  408: "Request took too long",
  409: "Not possible now",
  413: "Request too large",
  415: "Wrong type of content",
  421: "Wrong host",
  429: "Too many attempts",
  500: "Internal error",
  503: "Not available now",
};

/** Why a request is refused, as RFC 9457 tells it. */
export class Problem extends Error {
  override readonly name = "Problem";
  readonly status: number;
  readonly errors: readonly FieldFault[] | undefined;
  /** Further members of the document. */
  readonly more: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, detail: string, { errors, more = {}, headers = {} }: {
    readonly errors?: readonly FieldFault[];
    readonly more?: Readonly<Record<string, unknown>>;
    readonly headers?: Readonly<Record<string, string>>;
  } = {}) {
    super(detail);
    this.status = status;
    this.errors = errors;
    this.more = more;
    this.headers = headers;
  }

  /** The document. */
  response(): Response {
    const { status, message: detail, errors, more } = this;
    const body = {
      type: "about:blank",
      title: TITLES[status] ?? "Error",
      status,
      detail,
      ...(errors && { errors }),
      ...more,
    };
    return new Response(JSON.stringify(body), {
      status,
      headers: { ...this.headers, "content-type": "application/problem+json" },
    });
  }
}

/** One field is wrong. */
export function fieldProblem(field: string, detail: string): Problem {
  return new Problem(400, `${field}: ${detail}`, { errors: [{ field, detail }] });
}
