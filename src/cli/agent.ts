/** `allotment agent`: an agent proves who it is and uses its permissions, from its file alone. */
import { readFile, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { authenticate } from '../identity/agent.ts';
import { signAsAgent } from '../identity/agent-content.ts';
import {
  certificatesOf,
  decodeAgentFile,
  grantFor,
  keyOfAgent,
  signedUse,
  type AgentFile,
} from '../identity/agent-file.ts';
import { decodeCapability, type CapabilityRequest } from '../identity/capability.ts';
import { ORIGINS } from '../identity/provenance.ts';
import { askUnseen } from './ask.ts';
import { parseOptions, requireTaken, UsageError, type Takes } from './usage.ts';

const AGENT_HELP = `Usage: npm run allotment -- agent COMMAND FILE [options]

Commands
  show          who the agent is and what it may do
  authenticate  prove the agent's identity to whoever asked with --audience and --nonce
  use           sign a request under one of the agent's permissions
  sign          sign the file named after the agent's, under the permission auto:sign:content, sign

Options
  --audience TEXT     who asked
  --nonce TEXT        what they asked with; it has to come back signed
  --resource NAME     use: e.g. auto:drive:/alice/docs/a.txt
  --action NAME       use: e.g. read
  --made-by WHO       sign: human, ai (default), mixed or unknown
  --tool TEXT         sign: what it was made with
  -o, --output PATH   sign: where to write the signed copy, or the statement beside what is no picture
  --amount NAME=N     use: counted against the limit of that name; may be given several times

The password of the file is taken from ALLOTMENT_AGENT_PASSWORD, or read from standard input.
`;

const OPTIONS = {
  audience: { type: 'string' },
  nonce: { type: 'string' },
  resource: { type: 'string' },
  action: { type: 'string' },
  amount: { type: 'string', multiple: true },
  'made-by': { type: 'string' },
  tool: { type: 'string' },
  output: { type: 'string', short: 'o' },
  help: { type: 'boolean' },
} as const;

type Values = ReturnType<typeof parseOptions<typeof OPTIONS>>['values'];

const COMMANDS: ReadonlyMap<string, Takes<keyof typeof OPTIONS>> = new Map(
  Object.entries({
    show: { arguments: 1, options: [] },
    authenticate: { arguments: 1, options: ['audience', 'nonce'] },
    use: { arguments: 1, options: ['audience', 'nonce', 'resource', 'action', 'amount'] },
    sign: { arguments: 2, options: ['made-by', 'tool', 'output'] },
  }),
);

function required(values: Values, name: 'audience' | 'nonce' | 'resource' | 'action'): string {
  const value = values[name];
  if (value === undefined || value === '') throw new UsageError(`--${name} is needed`);
  return value;
}

async function password(): Promise<string> {
  const given = process.env['ALLOTMENT_AGENT_PASSWORD'];
  if (given !== undefined) return given;
  const question = 'Password of the agent’s file: ';
  const typed = await askUnseen(question);
  if (typed !== null) return typed;
  process.stderr.write(question);
  const lines = createInterface({ input: process.stdin });
  for await (const line of lines) return line;
  return '';
}

function challengeOf(values: Values) {
  return {
    audience: required(values, 'audience'),
    nonce: required(values, 'nonce'),
    now: Math.floor(Date.now() / 1000),
  };
}

function requestOf(values: Values): CapabilityRequest {
  const amounts = (values.amount ?? []).map((text) => {
    const match = /^([A-Za-z0-9_-]{1,64})=(\d{1,78})$/.exec(text);
    if (match === null) throw new UsageError(`--amount takes NAME=NUMBER, not “${text}”`);
    return [match[1]!, match[2]!] as const;
  });
  return {
    res: required(values, 'resource'),
    act: required(values, 'action'),
    ...(amounts.length === 0 ? {} : { use: Object.fromEntries(amounts) }),
  };
}

function describe(agent: AgentFile) {
  return {
    did: agent.did,
    name: agent.name,
    permissions: agent.grants.map(({ tokens }) => {
      const { jti, sub, cap, nbf, exp, dep } = decodeCapability(tokens.at(-1)!);
      return { id: jti, principal: sub, capabilities: cap, notBefore: nbf, expires: exp, depth: dep };
    }),
  };
}

/** Signs a file and writes the outcome beside where the command was given, or where it is told to. */
async function sign(agent: AgentFile, path: string, values: Values): Promise<string> {
  const origin = ORIGINS.find((one) => one === (values['made-by'] ?? 'ai'));
  if (origin === undefined) throw new UsageError(`--made-by takes ${ORIGINS.join(', ')}`);
  const { tool } = values;
  const said = { origin, ...(tool === undefined ? {} : { tool }) };
  const content = new Uint8Array(await readFile(path));
  const signed = await signAsAgent(agent, content, said, Date.now());
  const name = basename(path);
  const output = values.output ?? (signed.inside ? `signed-${name}` : `${name}.provenance`);
  await writeFile(output, signed.content);
  return `${JSON.stringify({ signed: output, inside: signed.inside, permission: signed.capability })}\n`;
}

/**
 * Runs an agent's command and returns what it prints: JSON for `show`, `use` and `sign`, a token for `authenticate`.
 */
export async function runAgent(args: string[]): Promise<string> {
  const { values, positionals } = parseOptions(OPTIONS, args);
  const [command, path, content] = positionals;
  if (values.help === true || command === undefined) return AGENT_HELP;
  const takes = COMMANDS.get(command);
  if (takes === undefined) throw new UsageError(`there is no command “agent ${command}”`);
  requireTaken(`agent ${command}`, values, positionals.slice(1), takes);
  if (path === undefined) throw new UsageError(`agent ${command} takes the agent's file`);
  if (command === 'sign' && content === undefined) throw new UsageError('agent sign takes the file to sign');
  const challenge = command === 'show' || command === 'sign' ? null : challengeOf(values);
  const request = command === 'use' ? requestOf(values) : null;
  const agent = await decodeAgentFile(new Uint8Array(await readFile(path)), await password());
  if (command === 'sign') return sign(agent, content!, values);
  if (challenge === null) return `${JSON.stringify(describe(agent))}\n`;
  const key = await keyOfAgent(agent);
  if (request === null)
    return `${await authenticate(key, agent.did, certificatesOf(agent.chain), challenge)}\n`;
  return `${await signedUse(key, agent.did, grantFor(agent, request), request, challenge)}\n`;
}
