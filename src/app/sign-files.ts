/** Signing files before they are stored: inside pictures, in a statement beside everything else. */
import type { Origin } from '../identity/provenance.ts';
import type { IdentityCommands } from '../node/desk.ts';
import type { UploadFile } from '../node/upload-calls.ts';

/** What the name of a statement ends in, after the name of its file. */
export const STATEMENT_ENDING = '.provenance';

/** Whether signatures of C2PA can go inside files of this type. */
export function isMedia(type: string): boolean {
  return /^image\/(jpeg|png|heic|heif|avif)$/.test(type);
}

/** The files with their signatures. Rejects with a sentence, as for a photo that is signed already. */
export async function signedFiles(
  files: readonly UploadFile[],
  { did, origin }: { did: string; origin: Origin },
  identity: Pick<IdentityCommands, 'signMedia' | 'signContent'>,
): Promise<UploadFile[]> {
  const signed: UploadFile[] = [];
  for (const { path, content: blob } of files) {
    const content = new Uint8Array(await blob.arrayBuffer());
    const { type } = blob;
    if (isMedia(type)) {
      const inside = await identity.signMedia({ did, content, origin });
      signed.push({ path, content: new Blob([inside.slice().buffer], { type }) });
    } else {
      const statement = await identity.signContent({ did, content, mediaType: type, origin });
      const beside = new Blob([statement.content.slice().buffer], { type: statement.type });
      signed.push({ path, content: blob }, { path: path + STATEMENT_ENDING, content: beside });
    }
  }
  return signed;
}
