/**
 * Commands of passports: files that another device read off a chip are checked here, and kept as a credential that one
 * signs oneself and as evidence. Nothing of them leaves the wallet unless the person shows it.
 */
import { toHex } from '../../protocol/bytes.ts';
import { Refusal } from '../../wallet/errors.ts';
import { toBase64Url } from '../../wallet/json.ts';
import { birthDays } from '../birth.ts';
import { toX5c } from '../chain.ts';
import type { IdentityContext } from '../context.ts';
import type { CredentialRecord } from '../credential-view.ts';
import { evidenceIn, LOCAL_PPM, type EvidenceRecord } from '../evidence.ts';
import { jwkOf } from '../keys.ts';
import { predicates } from '../predicate.ts';
import { nullifierOf } from '../score.ts';
import { issueSdJwt } from '../sd-jwt.ts';
import { countriesOf, readAuthorities } from './authorities.ts';
import { sortFiles, type PassportFile } from './files.ts';
import type { MachineReadableZone } from './mrz.ts';
import { authenticate, type AuthenticPassport } from './passive.ts';

const PASSPORT_TYPE = 'urn:autonomys:vc:passport:1';
/** Of the policy's kinds the one of a passport that nobody looked at beside its holder. */
const EVIDENCE_TYPE = 'epassport-zk';
const DAY_MS = 86_400_000;

export interface PassportInput {
  /** Files of the chip; at least EF.SOD and EF.DG1. */
  files: PassportFile[];
  /** Certificates of countries; empty to be told what is known without. */
  authorities: PassportFile[];
}

/** A passport that passed every check, and the certificates of countries that it was held against. */
export interface PassportView extends AuthenticPassport {
  /** Two-letter codes of the countries given, and who signed the lists they are from. */
  countries: string[];
  listedBy: string[];
  /** Certificates in those lists that could not be read. */
  unreadable: number;
}

/** Commands, for one wallet. */
export function passportCommands(context: IdentityContext) {
  const check = ({ files, authorities }: PassportInput): PassportView => {
    const relied = authorities.length === 0 ? null : readAuthorities(authorities);
    const passport = authenticate(sortFiles(files), relied, context.now());
    return {
      ...passport,
      countries: relied === null ? [] : countriesOf(relied),
      listedBy: relied?.listedBy ?? [],
      unreadable: relied?.unreadable ?? 0,
    };
  };

  const issue = async (
    did: string,
    { mrz }: AuthenticPassport,
    expiresAt: number,
  ): Promise<CredentialRecord> => {
    const identity = context.own(did);
    const key = await context.signingKey(identity.key);
    const now = context.seconds;
    const { shown, committed } = claimsOf(mrz);
    const blinding = predicates.newBlinding();
    const commitments =
      committed === null
        ? {}
        : { birth_days: toBase64Url(predicates.commit({ value: committed, blinding })) };
    const credential = await issueSdJwt(key, {
      iss: identity.did,
      vct: PASSPORT_TYPE,
      iat: now,
      exp: expiresAt,
      sub: identity.did,
      holderKey: jwkOf(key.publicKeyInfo),
      certificates: toX5c(context.chainOf(identity)),
      claims: { ...shown, quality: 'local', ...(committed === null ? {} : { commitments }) },
      selective: Object.keys(shown).map((name) => [name]),
    });
    const openings: CredentialRecord['openings'] =
      committed === null ? {} : { birth_days: { value: committed, blinding: toBase64Url(blinding) } };
    return { credential, openings, received: now };
  };

  return {
    /**
     * Checks the files of a passport; nothing is kept.
     *
     * @throws DecodeError; Refusal naming the check that failed.
     */
    async checkPassport(input: PassportInput): Promise<PassportView> {
      return check(input);
    },

    /**
     * Checks the files of a passport and keeps what they say: as evidence, and for `did`, one's own identity, as a
     * credential that it signs itself; null for the evidence alone. The same passport takes the place of what was kept
     * of it before.
     *
     * @throws Refusal `csca-missing` without certificates of countries, `unknown-identity`, and what a check throws.
     */
    async keepPassport(input: PassportInput & { did: string | null }): Promise<EvidenceRecord> {
      const passport = check(input);
      const { mrz, authority } = passport;
      if (authority === null)
        throw new Refusal(
          'csca-missing',
          'no certificates of countries',
          'Give the certificates of countries first: without them anybody could have signed this passport.',
        );
      const nullifier = toHex(nullifierOf(`passport:${mrz.issuingState}`, mrz.documentNumber));
      const before = evidenceIn(context).find(
        (one) => one.type === EVIDENCE_TYPE && one.nullifier === nullifier,
      );
      const expiresAt = (Date.parse(`${mrz.expiryDate}T00:00:00Z`) + DAY_MS) / 1000;
      let credential = before?.passport?.credential ?? null;
      if (input.did !== null) {
        const record = await issue(input.did, passport, expiresAt);
        credential ??= `credential-${crypto.randomUUID()}`;
        await context.put(credential, 'credential', record);
      }
      const record: Omit<EvidenceRecord, 'id'> = {
        type: EVIDENCE_TYPE,
        service: `issued by ${mrz.issuingState}`,
        nullifier,
        quality_ppm: LOCAL_PPM,
        issued_at: context.seconds,
        expires_at: expiresAt,
        revoked: false,
        credential: null,
        passport: { signedBy: authority.subject, credential },
      };
      const id = before?.id ?? `evidence-${crypto.randomUUID()}`;
      await context.put(id, 'evidence', record);
      return { ...record, id };
    },
  };
}

/** Claims of a passport, each to be shown on its own, and the day of birth as the number that bounds are proved of. */
function claimsOf(mrz: MachineReadableZone): { shown: Record<string, string>; committed: number | null } {
  const { givenNames, birthDate, sex } = mrz;
  return {
    shown: {
      family_name: mrz.surname,
      ...(givenNames === '' ? {} : { given_name: givenNames }),
      ...(birthDate === null ? {} : { birth_date: birthDate }),
      ...(sex === null ? {} : { sex }),
      nationality: mrz.nationality,
      document_kind: mrz.documentCode,
      document_number: mrz.documentNumber,
      issuing_state: mrz.issuingState,
      date_of_expiry: mrz.expiryDate,
    },
    committed: birthDate !== null && birthDate.length === 10 ? birthDays(birthDate) : null,
  };
}
