/** `npm start`: the local network and the app that farms on it. */
import { spawn } from 'node:child_process';
import { serveApp } from '../scripts/app-server.ts';
import { ensureBuilt } from '../scripts/build-app.ts';
import { commandLineOptions, runNetwork } from './run.ts';

const print = (line: string): void => void process.stdout.write(`${line}\n`);

/** Opens the person's browser; a machine without one is no error. */
function openBrowser(url: string): void {
  const [command, args] =
    process.platform === 'darwin'
      ? ['open', [url]]
      : process.platform === 'win32'
        ? ['cmd', ['/c', 'start', '', url]]
        : ['xdg-open', [url]];
  const child = spawn(command as string, args as string[], { stdio: 'ignore', detached: true });
  child.on('error', () => undefined);
  child.unref();
}

const options = commandLineOptions();
await runNetwork(options, async (port) => {
  const folder = await ensureBuilt(print);
  const app = await serveApp(folder, options.appPort, `ws://127.0.0.1:${port}`);
  print(`Open ${app.namedUrl}`);
  if (options.open) openBrowser(app.namedUrl);
  return () => app.close();
});
