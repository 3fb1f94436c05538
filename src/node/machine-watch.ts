/** What the machine has to give, looked at now and then. */
import type { MachineInfo } from './api.ts';
import type { Journal } from './journal.ts';
import type { NodePlatform } from './platform.ts';

const LOOK_MS = 30_000;

export class MachineWatch {
  private readonly timer: ReturnType<typeof setInterval>;

  /** Looks from now on until `stop`. `latest`: what the first look saw. */
  constructor(
    private readonly platform: Pick<NodePlatform, 'machine'>,
    private readonly journal: Journal,
    private readonly changed: () => void,
    private latest: MachineInfo,
  ) {
    this.timer = setInterval(() => void this.look(), LOOK_MS);
  }

  get info(): MachineInfo {
    return this.latest;
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private async look(): Promise<void> {
    const info = await this.platform.machine().catch(() => null);
    // A browser that does not tell at the moment tells the next time.
    if (info === null) return;
    if (nearlyFull(info) && !nearlyFull(this.latest))
      this.journal.notify('warning', 'storage', 'The space for this app’s data is nearly used up.');
    this.latest = info;
    this.changed();
  }
}

function nearlyFull({ quotaBytes, usedBytes }: MachineInfo): boolean {
  return quotaBytes !== null && usedBytes !== null && usedBytes > 0.95 * quotaBytes;
}
