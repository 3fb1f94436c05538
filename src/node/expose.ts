import { borrowWebRtc } from './lent-rtc.ts';
import type { NodeApi, Setup } from './api.ts';
import { createBrowserNode } from './browser.ts';
import { explained } from './causes.ts';
import { NodeHub } from './hub.ts';
import type { ObjectRequest } from './object-ports.ts';

/**
 * The object that the page's Comlink proxy talks to. Errors cross as plain `Error`s with a sentence, and
 * what there is to say of the place in further lines.
 */
export function exposeNode(): NodeApi {
  const hub = new NodeHub(createBrowserNode);
  const command = async (name: Parameters<NodeHub['command']>[0], ...args: unknown[]): Promise<never> => {
    try {
      return (await hub.command(name, args)) as never;
    } catch (error) {
      throw new Error(explained(error), { cause: error });
    }
  };
  return {
    subscribe: async (listener) => hub.subscribe(listener),
    serveObject: async (request: ObjectRequest, port: MessagePort) => hub.serveObject(request, port),
    lendWebRtc: async (port: MessagePort) => borrowWebRtc(port),
    takeOver: () => hub.takeOver(),
    alive: async () => undefined,
    probe: (endpoint: string) => command('probe', endpoint),
    start: (setup: Setup) => command('start', setup),
    change: (part: Partial<Setup>) => command('change', part),
    inspectFolder: (place) => command('inspectFolder', place),
    addFarm: (place, allocatedBytes) => command('addFarm', place, allocatedBytes),
    resizeFarm: (id, allocatedBytes) => command('resizeFarm', id, allocatedBytes),
    pauseFarm: (id) => command('pauseFarm', id),
    resumeFarm: (id) => command('resumeFarm', id),
    scrub: (id, dryRun) => command('scrub', id, dryRun),
    importFarm: (from, to) => command('importFarm', from, to),
    farmNative: (place) => command('farmNative', place),
    exportFarm: (to, id) => command('exportFarm', to, id),
    moveFarm: (id, to) => command('moveFarm', id, to),
    cancelTask: (id) => command('cancelTask', id),
    farmHandle: (id) => command('farmHandle', id),
    removeFarm: (id, keepFiles) => command('removeFarm', id, keepFiles),
    farmHistory: (limit) => command('farmHistory', limit),
    benchmark: (cores) => command('benchmark', cores),
    report: (conditions) => command('report', conditions),
    asleep: (how, ms) => command('asleep', how, ms),
    exportIdentity: (id) => command('exportIdentity', id),
    importIdentity: (identity: Uint8Array) => command('importIdentity', identity),
    balance: (address: string) => command('balance', address),
    rewards: () => command('rewards'),
    wallet: (name: string, input?: unknown) => command('wallet', name, input),
    money: (name: string, input?: unknown) => command('money', name, input),
    objects: (name: string, input?: unknown) => command('objects', name, input),
    identities: (name: string, input?: unknown) => command('identities', name, input),
    pairHelper: (port: number, code: string) => command('pairHelper', port, code),
    retryHelper: () => command('retryHelper'),
    setHelperPlots: (plots: boolean) => command('setHelperPlots', plots),
    forgetHelper: () => command('forgetHelper'),
    keepTime: (on: boolean) => command('keepTime', on),
    joinCluster: (request) => command('joinCluster', request),
    setClusterRoles: (roles) => command('setClusterRoles', roles),
    retryCluster: () => command('retryCluster'),
    leaveCluster: () => command('leaveCluster'),
    logs: () => command('logs'),
    reset: () => command('reset'),
  };
}
