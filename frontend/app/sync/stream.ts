/** The server's stream as a doorbell: whatever rings, the device asks what is new. Without one it asks by the clock. */
import { ask } from "../../shared/api";
import { config } from "../../shared/config";
import { Problem } from "../../shared/problem";
import { backoffMs } from "./pace";

const LONGEST_MS = 15 * 60_000;

export class Doorbell {
  private stopped = new AbortController();
  private lastId = "";
  private tries = 0;

  constructor(
    private readonly ring: () => void,
    private readonly random: () => number = Math.random,
  ) {}

  start(): void {
    this.stopped = new AbortController();
    void this.listen(this.stopped.signal);
  }

  stop(): void {
    this.stopped.abort();
  }

  private async listen(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const headers = { accept: "text/event-stream", ...(this.lastId ? { "last-event-id": this.lastId } : {}) };
        const answer = await ask(config.socketPath, { headers, signal, timeoutMs: LONGEST_MS });
        if (!answer.headers.get("content-type")?.includes("event-stream") || !answer.body) return;
        this.tries = 0;
        this.ring();
        await this.read(answer.body);
      } catch (error) {
        // This server has no stream, or has none for this person: asking by the clock goes on.
        if (error instanceof Problem && error.status < 500 && error.status !== 429) return;
      }
      if (signal.aborted) return;
      await new Promise((resolve) => setTimeout(resolve, 1000 + backoffMs(this.tries++, this.random)));
    }
  }

  private async read(body: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    for await (const text of body.pipeThrough(new TextDecoderStream())) {
      const id = text.match(/^id: ?(.+)$/gm)?.at(-1);
      if (id) this.lastId = id.replace(/^id: ?/, "");
      if (/^data:/m.test(text)) this.ring();
    }
  }
}
