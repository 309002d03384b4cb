/** An RFC 9457 answer of the server. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly errors: readonly { path: string; code: string; message: string }[] = [],
    readonly retryAfterS: number | null = null,
    readonly body: Record<string, unknown> = {},
  ) {
    super(detail);
  }
}

/** No answer from the server, or one that is not the server's (a captive portal, a proxy's error page). */
export class Unreachable extends Error {}

export async function problemOf(answer: Response): Promise<Problem | Unreachable> {
  if (!answer.headers.get("content-type")?.includes("json")) return new Unreachable(`HTTP ${answer.status}`);
  try {
    const body = (await answer.json()) as Record<string, unknown>;
    const wait = Number(answer.headers.get("retry-after") ?? "");
    return new Problem(
      answer.status,
      String(body["code"] ?? "unknown"),
      String(body["detail"] ?? ""),
      (body["errors"] as Problem["errors"] | undefined) ?? [],
      Number.isFinite(wait) && wait > 0 ? wait : null,
      body,
    );
  } catch {
    return new Unreachable(`HTTP ${answer.status}`);
  }
}
